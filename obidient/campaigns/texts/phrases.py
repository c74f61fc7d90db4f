"""Several words that count as one, with the letters of the classes they stand for."""

#: (letters, phrases); of two that fit, the longer one counts.
_KNOWN: tuple[tuple[str, str], ...] = (
    # English and Pidgin
    (
        "S",
        """
        opt out, opting out, opted out, sto p, st op, leave this group, leave the group,
        leave this list, stop at once, stop for good, go away, get lost, fuck off, piss off,
        buzz off, do not contact, s t o p, un subscribe, no more, do not disturb, want out,
        put an end, put a stop
        """,
    ),
    ("fUS", "if you stopped"),
    ("h", "reply stop, sent stop, texted stop, replied stop, typed stop"),
    ("X", "send stop, text stop, did i"),
    ("F", "i stopped, from coming, is there, how this works, how it works, dey work"),
    (
        "i",
        """
        who am i, who it is, who is speaking, who is calling, who dis, how do i use,
        what can i do here, una be which people, wetin this number, what i can send,
        what can i send, who i dey follow, ki ni e n
        """,
    ),
    ("NW", "rather not, dont have my permission, not have my permission"),
    (
        "NW",
        """
        not give you permission, not give permission, never gave permission, not permit,
        did not give you permission, didnt give you permission, didnt give permission, never gave
        you permission,
        not give you my permission, never gave you my permission, no give una permission
        """,
    ),
    (
        "RM",
        """
        strike me, strike me off, drop me from, excuse me from, off me from, count me out of,
        remove myself, take me out of, get me off, get me out of your, cut me off
        """,
    ),
    ("RMn", "drop my number from, drop my name from, drop my line from"),
    ("MT", "him messages, him message, him texts, him text, her messages, her message, her texts"),
    ("X", "to help, i can help, i will help, i go help, i fit help, we can help, jowo ma stop"),
    ("FH", "you to help, una to help"),
    ("PSs", "jowo ma stop sending, jowo ma stop texting"),
    ("F", "must be"),
    ("X", "stop her"),
    ("NW", "will not be needing, not be needing, wont be needing, no longer need"),
    (
        "TsM",
        """
        you are disturbing me, you dey disturb me, una dey disturb me, youre disturbing me,
        you keep disturbing me, una too dey disturb me, kun dame ni, kuna damuna
        """,
    ),
    ("RM", "dont keep me on, do not keep me on"),
    ("Cs", "ku sake turo, ku sake aiko"),
    (
        "i",
        "is this the obidient people, is this obidients",
    ),
    (
        "i",
        "is this inec, is this labour party, is this lp, is this obidient, is this the party",
    ),
    ("kMg", "let me be getting, let me be receiving"),
    ("i", "ki le n so, ki len so, ki le so"),
    ("K", "pada sibe"),
    ("tn", "mu nomba, mu nonba, mu number, mu oruko"),
    ("S", "un sub"),
    ("CT", "turn my messages back on, turn back on, switch back on"),
    ("LM", "lef me alone, lef me, leff me"),
    ("NW", "do not consent, never consent, no consent"),
    ("Mn", "my no, my information, my info, my personal information, my personal data"),
    ("n", "personal information, personal data, personal details"),
    (
        "P",
        """
        my brother abeg, my sister abeg, my friend abeg, my people abeg, my oga abeg,
        my brother please, my sister please, my friend please, my people please,
        my brother pls, my sister pls, my friend pls, my people pls, my guy abeg
        """,
    ),
    ("S", "consent withdrawn, permission withdrawn"),
    ("X", "stop here, god can, god will, your name"),
    ("F", "for good"),
    ("F", "how to, where do i, where can i"),
    ("Ns", "make i no see, make i no hear, no let una"),
    ("n", "my sleep, my ears, my time"),
    ("E", "turn off"),
    (
        "X",
        """
        end of, end time, don start, ya taimaka, ya taimake, your help, stop by, stop at, stop for,
        has to, have to, on time, my sister, my brother, my friend, make dem, dem stop, do
        you start, does it start, go start, i stop, no need, enough is enough, count me in,
        bus stop, non stop, stop over, stop and search, get me out
        """,
    ),
    ("Ns", "no let me see"),
    ("ST", "stop obi, stop obidient, stop obidients"),
    (
        "NW",
        """
        not consent, dont consent, no follow, no do, no wan, no want, dont want, not want,
        not interested, not intrested, no interest, uninterested, no gree, i no need,
        no need una, no need ya, no need your
        """,
    ),
    ("c", "never consented, did not, does not, can not, will not, no go, no fit"),
    ("RMn", "strike my name, strike my number, lose my number, forget my number"),
    (
        "F",
        """
        you have to, how many times, will i, for there, from there, will you, would you,
        will una, you must, una must, people must, how do i, how can i, how may i, how i go,
        how i fit, yaya zan yi
        """,
    ),
    (
        "P",
        """
        dont worry, not worry, no worry, no worries, wrong number, wrong person, god bless
        you, e don do
        """,
    ),
    (
        "G",
        """
        opt in, opting in, opt back in, re subscribe, un stop, sign up, sign me up, want back,
        wan back, sub me back, sub me again,
        join again, join back, undo stop, undo my stop, cancel stop, cancel my stop
        """,
    ),
    ("N", "do not, no dey"),
    ("NK", "no longer"),
    ("LM", "let me be, allow me rest, let me rest, make i rest, make i hear word"),
    ("VM", "wasting my time, wasting my airtime"),
    ("M", "my life, my peace"),
    ("U", "una go, you go"),
    ("Q", "fed up, sick and tired"),
    ("W", "would like to, id like to"),
    (
        "i",
        """
        ta ni yii, ta niyi, ta ni yin, wane ne wannan, wanene wannan, waye wannan, waye ne,
        ku su waye, onye bu onye a, onye ka o bu, onye bu nke a, gini bu nke a, gini bu ihe
        a, who is this, who is dis, whos this, who be this, who be dis, who are you, who are
        u, who you be, who una be, what is this, wetin be this, wetin be dis, what is this
        about, how does this work, how do i use this, who is texting, who is messaging, who
        dey text, what organisation is this, what organization is this, which organisation
        is this, what are my options, whose number is this, what is this
        number, who am i chatting, who am i talking, wetin be this number
        """,
    ),
    ("C", "turn on, tun maa"),
    ("GM", "opt me in, opt me back"),
    ("AM", "enroll me, enrol me, register me, add me, put me, include me, bring me"),
    ("Cs", "gba message, gba atejise, gba ifiranse, maa gba, tun gba"),
    ("CsM", "send me your, send me una"),
    ("A", "add my, put my, include my"),
    ("Q", "done with, had enough of, have enough of, through with, bored of, weary of"),
    ("N", "emela ka unu, emela ka, emekwala ka unu, emekwala ka"),
    ("to", "strike off, cross off, scratch off"),
    ("X", "disturb yourself, trouble yourself, stress yourself, disturb yourselves"),
    ("X", "stop saying, stop talking, stop telling, stop asking"),
    ("SsM", "stop talking to me, stop talking with me"),
    ("Q", "not welcome, unwelcome, not appreciated, not wanted, no longer welcome"),
    ("LM", "spare me"),
    ("NW", "not to receive, not to get, not to be getting, not to be receiving"),
    ("RMn", "leave my line, leave my number, leave my phone"),
    ("N", "nobody should, no one should, nobody must"),
    ("F", "what do i do to, what should i do to, what can i do to, wetin i go do to"),
    ("N", "dont you dare, dont u dare, do not dare, dont dare, dont you ever, dont u ever"),
    ("KU", "again and ill, again and i will, again i will, again and i go, again i go, again ill"),
    ("NW", "ban yarda"),
    ("T", "sako ba, sakonku ba"),
    ("P", "let there be, kar ku damu, kada ku damu, kar ka damu, kada ka damu"),
    ("R", "fagi le, fa igi le"),
    ("c", "agaghi m, agaghim, anyi agaghi, unu agaghi"),
    ("X", "kwusie ike, kwusi ike, kwusienu ike"),
    ("C", "bring back"),
    ("UW", "im ready to, i am ready to, ready to"),
    # Yoruba
    ("LM", "fi foonu mi sile, je n simi, je n sinmi"),
    ("qS", "e ye, e yee, e duro, e dawo duro"),
    ("qR", "e yo"),
    ("Ns", "ma ko, e ma ko, ma se ko"),
    ("C", "e maa"),
    ("RnM", "pa nonba mi"),
    ("i", "ta ni, kini eyi, ki ni eyi, eyin wo, ki ni e n"),
    ("X", "fi oruko mi ranse, mo duro, duro na, e duro na, e duro de, e duro ti"),
    ("c", "a o ni, won o ni, mi o ni"),
    ("X", "mo n, a n, duro de, duro ti"),
    ("S", "da duro, dawo duro, da a duro, owo duro"),
    ("N", "e ma se, e ma, ma se"),
    ("Ns", "ma pe, ma fi, ma ranse"),
    ("NF", "ma da, e ma da, ma yo, e ma yo"),
    (
        "NW",
        """
        mi o fe, mi ko fe, n ko fe, n o fe, mi o nife, mi o nifee, mi ko nife, mi ko nifee,
        n o nife, mio nife, mio fe, miofe, nko fe, emi ko fe, mi o nilo
        """,
    ),
    ("UW", "mo fe, mo nilo"),
    ("W", "want more, want another, need more, need another, want further"),
    ("R", "pa a re, pa won re, yo a kuro, yo o kuro, yo mi kuro"),
    (
        "LM",
        """
        so mi kale, ki n sinmi, ki n simi, ki n gbadun, ki nsinmi, fi mi lorun, fi mi sile,
        fi mi le
        """,
    ),
    ("RnM", "pa nomba mi, pa number mi, pa oruko mi"),
    ("AMK", "fi mi pada, da mi pada"),
    ("AM", "fi mi kun, fi oruko mi, fi nomba mi, fi nonba mi, fi number mi"),
    ("P", "o to, o to ge, o ti to, e ku, e se, o se, e joo"),
    ("H", "ran mi lowo, ran wa lowo, break am down, identify yourself, introduce yourself"),
    (
        "i",
        "is this a scam, is this scam, is this fraud, is this spam, na scam be this, is this legit",
    ),
    # Hausa
    ("NW", "ban bukata, ban bukatar"),
    ("Rn", "share sunana"),
    ("X", "bari mu"),
    ("qS", "ku bar, a bar, in daina"),
    ("qR", "ku cire, a cire, ku goge, a goge"),
    ("R", "fita daga"),
    ("L", "rabu da"),
    ("NW", "ban son"),
    ("i", "wane ne, wanene, menene, mene ne, su wanene, yaya ake amfani"),
    ("LM", "ku bar ni, ku kyale ni, kyaleni"),
    (
        "NW",
        """
        bana so, ba na so, bana son, ba na son, bani so, bani son, ban so, bama so, ba ma
        so, bana bukata, bana bukatar, ba na bukata, ba na bukatar, bana shaawa, ba na
        shaawa
        """,
    ),
    ("N", "ka da"),
    ("Rn", "share lambata, share lambar, share lamba"),
    ("UW", "ina neman, ina so, ina son"),
    ("RM", "cireni, ciremin, gogeni, yomi"),
    ("LM", "fita harkata, fita daga harkata, bar ni, barni, kyale ni"),
    ("P", "ya isa, isa haka, ran ka, ya dade"),
    ("C", "ci gaba"),
    ("qS", "ku daina, ku dena, a daina"),
    ("AM", "sa ni"),
    # Igbo
    ("VM", "inye m nsogbu"),
    ("sM", "enye m nsogbu"),
    (
        "NW",
        "achoghi, choghi, achozighi, achoghizi, achokwaghi, achoghikwa, achoghim, achozighim",
    ),
    ("qS", "unu kwusi, unu kwusinu"),
    ("qR", "unu wepu, unu wepunu, unu hichapu"),
    ("Cs", "zitewe, zitewenu"),
    ("gK", "inatakwa"),
    ("i", "onye ka, onye na ezitere, unu bu ndi ole, kedu ka e si"),
    ("F", "oso oso"),
    ("NW", "anaghi m acho, enweghi m mmasi, enweghim mmasi"),
    ("AM", "debanye aha m, debanye m, debanyere m"),
    ("NW", "a choghi, acho ghi"),
    ("LM", "ka m zuo ike, ka m zuru ike"),
    ("H", "nyerenu m aka, nye aka, nyere m aka, nyerem aka, enyere m aka"),
    ("UW", "achoro m, achorom"),
    ("P", "o zuola, o zuru"),
    ("Q", "ike agwula m, ike agwugo m, ike gwuru m"),
)
PHRASES: dict[str, str] = {
    " ".join(phrase.split()): letters for letters, known in _KNOWN for phrase in known.split(",")
}

#: "Keep your messages to yourselves".
PHRASES |= {
    f"keep {your} {what}": "RT"
    for your in "your ur una ya".split()
    for what in "message messages msg msgs text texts txt sms call calls update updates".split()
}
#: Called names: "don't call me a fool" is about what is said, "stop it, fools" is not.
PHRASES |= {
    f"{article} {word}": "X"
    for article in ("a", "an")
    for word in "fool idiot mumu olodo ode thief liar criminal stupid".split()
}
