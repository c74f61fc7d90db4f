#!/usr/bin/env bash
# smpp 0.5.1 (npm) and data_coding 1
#
# SMPP's data_coding 1 says that a text is ASCII. The npm package declares each plain text so, but
# writes and reads it by the GSM alphabet. Letters and digits are the same in both, so a trial passes;
# then "ada@example.org" leaves as "ada", a NUL byte and "example.org", "$" leaves as byte 2, "_" as
# byte 17. A reply that a message centre sends as real ASCII comes in with other signs in place of
# @ $ _ [ ]: the address has an inverted exclamation mark in it. Its README names the alphabet of its
# encoding "ASCII" in brackets; the number is what the other side goes by. data_coding 0 with the
# same bytes is what they mean.
#
# Expected from: SMPP 3.4, section 5.2.19: 00000001 is IA5 (T.50) / ASCII (ANSI X3.4).
# Who meets it: whoever puts this package between us and a network, or tries a gateway against it.
# What we do: plugins/kannel leaves alphabets to Kannel, and tests/support/message_centre.py, an SMPP
# message centre, is built on another library.
# Tried on 2026-11-28 with Node.js 20.
#
# Exit 0: still so. Exit 1: it behaves otherwise now.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null 2>&1
npm install --silent --no-audit --no-fund smpp@0.5.1 >/dev/null 2>&1
cat > look.cjs <<'JS'
const { PDU } = require("smpp");
const text = "ada@example.org $5 [ward_7]";

// Out: as a gateway hands it to a network.
const sent = new PDU("submit_sm", { destination_addr: "2348035550001", short_message: text });
const bytes = sent.toBuffer();
const coding = new PDU(bytes).data_coding;
const at = bytes.indexOf("ada");
const raw = bytes.subarray(at);

// In: what a message centre writes that goes by the standard.
const reply = new PDU("deliver_sm", {
  source_addr: "2348035550001", data_coding: 1, short_message: Buffer.from(text, "ascii"),
});
const read = new PDU(reply.toBuffer()).short_message.message;

console.log("smpp", require("smpp/package.json").version);
console.log("data_coding of a plain text  ->", coding);
console.log("its bytes, read as ASCII     ->", JSON.stringify(raw.toString("latin1")));
console.log("ASCII from a message centre  ->", JSON.stringify(read));
const same = coding === 1 && raw.subarray(0, 4).toString("hex") === "61646100" && raw.includes(Buffer.from([2, 0x35]))
  && read === "ada\u00a1example.org \u00a45 \u00c4ward\u00a77\u00d1";
process.exit(same ? 0 : 1);
JS
node look.cjs
