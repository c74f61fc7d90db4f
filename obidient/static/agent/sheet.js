"use strict";
/* The figures of a sheet as they are typed: whether each can be read, and whether they agree. */
self.Agent ||= {};
Agent.sheet = (() => {
  const MOST = 1_000_000;
  const TOTALS = ["registered", "accredited", "valid", "rejected", "cast"];

  const party = (code) => `party:${code}`;
  const fieldsOf = (election) => [
    "registered", "accredited", ...election.parties.map((one) => party(one.partyCode)), "valid",
    "rejected", "cast",
  ];

  /* A figure as typed: {number} or {problem}. Letters are never made into digits. */
  const figure = (text) => {
    const typed = (text || "").trim();
    if (typed === "") return { problem: "missing" };
    if (!/^[0-9]+$/.test(typed)) return { problem: "digits" };
    const number = Number(typed);
    return number > MOST ? { problem: "large" } : { number };
  };

  /* {fields: name -> {number|problem}, sum, missing, wrong, notes: [[kind, sentence]]} */
  const check = (election, values) => {
    const fields = {};
    for (const name of fieldsOf(election)) fields[name] = figure(values[name]);
    const list = Object.values(fields);
    const sum = election.parties.reduce(
      (total, one) => total + (fields[party(one.partyCode)].number || 0), 0);
    const missing = list.filter((one) => one.problem === "missing").length;
    const wrong = list.filter((one) => one.problem && one.problem !== "missing").length;
    const partiesDone = election.parties.every((one) => fields[party(one.partyCode)].number !== undefined);
    return { fields, sum, missing, wrong, notes: notes(fields, sum, partiesDone) };
  };

  const notes = (fields, sum, partiesDone) => {
    const say = Agent.say;
    const [registered, accredited, valid, rejected, cast] = TOTALS.map((name) => fields[name].number);
    const found = [];
    /* Too many is certain while the last parties are still to come; too few is not. */
    if (valid !== undefined && sum > valid) {
      found.push(say("check.sum.high", { sum, valid, n: sum - valid }));
    } else if (valid !== undefined && partiesDone && sum < valid) {
      found.push(say("check.sum.low", { sum, valid, n: valid - sum }));
    }
    const both = valid === undefined || rejected === undefined ? undefined : valid + rejected;
    if (both !== undefined && cast !== undefined && both !== cast) {
      found.push(say("check.cast", { sum: both, cast }));
    }
    const most = Math.max(both ?? 0, valid ?? 0, sum);
    if (accredited !== undefined && most > accredited) {
      found.push(say("check.over.accredited", { sum: most, n: accredited }));
    } else if (registered !== undefined && most > registered) {
      found.push(say("check.over.registered", { sum: most, n: registered }));
    }
    if (registered !== undefined && accredited > registered) {
      found.push(say("check.more.accredited", { n: accredited, m: registered }));
    }
    return found;
  };

  /* What is sent, once every field can be read. */
  const figures = (election, checked) => {
    const number = (name) => checked.fields[name].number;
    return {
      registeredVoters: number("registered"), accreditedVoters: number("accredited"),
      votes: Object.fromEntries(election.parties.map((one) => [one.partyCode, number(party(one.partyCode))])),
      validVotes: number("valid"), rejectedVotes: number("rejected"), votesCast: number("cast"),
    };
  };

  /* The figures of a report, as they were typed. */
  const typed = (sheet) => ({
    registered: String(sheet.registeredVoters), accredited: String(sheet.accreditedVoters),
    valid: String(sheet.validVotes), rejected: String(sheet.rejectedVotes), cast: String(sheet.votesCast),
    ...Object.fromEntries(Object.entries(sheet.votes).map(([code, n]) => [party(code), String(n)])),
  });

  return { party, fieldsOf, check, figures, typed };
})();
