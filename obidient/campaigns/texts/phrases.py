"""Several words that count as one, with the letters of the classes they stand for."""

from obidient.campaigns.texts.paradigms import BUILT

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
    (
        "h",
        """
        changed my mind, change my mind, change mind, changed mind, yi okan pada, yi okan mi pada,
        canza raayi, canja raayi, gbanwere obi, gbanwere uche
        """,
    ),
    ("X", "send stop, text stop, did i"),
    ("F", "i stopped, from coming, is there, how this works, how it works, dey work"),
    (
        "i",
        """
        who is calling, what can i do here, una be which people, what can i send, who i dey
        follow, ki ni e n
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
    ("kMg", "let me be getting, let me be receiving, let me keep getting"),
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
    (
        "X",
        """
        full stop, a o fe won,
        reply stop to cancel, reply stop to unsubscribe, reply stop to opt, text stop to, send stop
        to, stop press, leave me out of it, no need
        """,
    ),
    (
        "NW",
        """
        appreciate not, prefer not, like not to, can i not, can i please not, could i not,
        object to
        """,
    ),
    (
        "LM",
        """
        leave me out, leave person, free person, comot body for, comot eye for, rest abeg
        """,
    ),
    ("LMT", "leave me out of, leave her out of, leave him out of, leave us out of"),
    ("F", "the use of, will be treated as, will be considered, will be taken as"),
    ("NWg", "cant be receiving, cannot be receiving, no fit dey receive, cant keep receiving"),
    ("Q", "sun ishe ni, sun ishi ni, ya ishe ni, sun dame ni, ya dame ni, sun isheni"),
    ("hS", "una no go stop this, una no go stop am, my last warning, final warning"),
    ("hS", "warning you for the last time, the last warning be this"),
    ("NW", "no longer have interest, no longer have any interest, lost interest, losing interest"),
    ("C", "go ahead"),
    ("Rn", "bar this number, block this number, blacklist this number, bar this line"),
    ("KT", "one more time and, once more and"),
    ("F", "gbasara unu"),
    ("e", "enough of this, enough of it, had enough, had enough of this"),
    ("kU", "make sure you, make sure u, make sure una, make sure that you, see that you"),
    ("NW", "make sure i dont, see that i dont, see to it that i dont"),
    ("NW", "no get interest, have no interest, have no more interest, dont have interest"),
    ("R", "get off this, get off your, get out of this, come off this"),
    ("UNS", "ba ku daina ba, baku daina ba, ba ku bari ba"),
    ("M", "onwe m"),
    ("X", "ki n duro, ku bar su, a bar su, bar su, achoghi m nsogbu, achoghi nsogbu"),
    ("s", "ran ise, ran se, fi ise ranse"),
    ("Ns", "e ma je ki n ri, e ma je ki n gbo, e ma je ki n gba, ma je ki n ri"),
    ("NW", "ko wu mi, ko wumi"),
    ("R", "do away with, get rid of"),
    ("W", "would love to, love to, id love to"),
    ("A", "activate my, activate this, activate dis"),
    ("i", "who is the sender, the sender of this"),
    ("RM", "count me out, let me off, get me out of this, get me out of here"),
    ("NW", "no go like, wont like, would not like, wouldnt like, a ko fe, a o fe"),
    ("LM", "gba mi lowo, rabu da layina, rabu da wayata"),
    ("R", "yo wa kuro"),
    ("M", "ara mi"),
    ("f", "o buru na"),
    ("AMK", "fi mi si list, fi mi si"),
    ("Uy", "unu nwere ike, i nwere ike"),
    (
        "G",
        """
        that stop was a mistake, the stop was a mistake, my stop was a mistake, stop was by
        mistake
        """,
    ),
    ("h", "that stop, my stop"),
    ("X", "you dont need, you do not need, you no need, you no get, una no need"),
    ("M", "give me"),
    ("U", "you will, u will, una will"),
    ("P", "is it by force, na by force, by force"),
    ("KU", "again and see, again make you see, again and you will see"),
    ("Q", "enough of"),
    ("X", "is it enough, not enough, e never do"),
    (
        "e",
        """
        enough, thats enough, its enough, it is enough, e don do, e do, o to, o to ge, o ti to,
        o ti to ge, o ti to gee, ya isa, isa haka, ya isa haka, o zuola, o zugo, o zuru
        """,
    ),
    ("S", "chill with, go easy with, slow down with"),
    ("R", "kuro lori, kuro ninu, kuro nidi, e kuro ni"),
    ("F", "last week, last month, last year, last night, i say"),
    ("fKU", "next time una, next time you, next time u"),
    ("NW", "no need to dey, no need for, no need of, not need"),
    ("Nv", "e ma fi, e ma se fi, ma fi, ma se fi, ema fi"),
    ("NW", "emi o fe, emi o nife, emi ko nife, emi o nilo, mi o lo fe, mi o nilo, n o nilo"),
    ("s", "sowo si, sowo simi"),
    ("sM", "ishe ni, ishi ni, di mi lowo"),
    ("S", "consent withdrawn, permission withdrawn"),
    ("X", "stop here, god can, god will, your name"),
    ("F", "for good"),
    ("Ns", "make i no see, make i no hear, no let una"),
    ("n", "my sleep, my ears, my time"),
    ("E", "turn off, off it, off am, shut it off, switch it off, turn it off, turn am off"),
    ("Ns", "ekwela ka m, ekwela ka, ekwekwala ka m, ekwekwala ka"),
    (
        "X",
        """
        end of, end time, don start, ya taimaka, ya taimake, your help, stop by, stop at, stop for,
        has to, have to, on time, my sister, my brother, my friend, make dem, dem stop, do
        you start, does it start, go start, i stop, enough is enough, count me in,
        bus stop, non stop, stop over, stop and search, get me out
        """,
    ),
    ("Ns", "no let me see"),
    ("ST", "stop obi, stop obidient, stop obidients"),
    (
        "NW",
        """
        not consent, dont consent, no follow, i no do, no wan, no want, dont want, not want,
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
        will una, you must, una must, people must
        """,
    ),
    (
        "P",
        """
        dont worry, not worry, no worry, no worries, wrong number, wrong person, god bless
        you
        """,
    ),
    (
        "G",
        """
        opt in, opting in, opt back in, re subscribe, un stop, sign up, sign me up, want back, want
        back in,
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
        ta niyi, ku su waye, onye bu onye a, onye bu nke a, who be this, who is messaging,
        what organization is this, what are my options
        """,
    ),
    ("C", "turn on, tun maa"),
    ("GM", "opt me in, opt me back"),
    ("AM", "enroll me, enrol me, register me, add me, put me, include me, bring me"),
    ("Cs", "gba message, gba atejise, gba ifiranse, maa gba, tun gba"),
    ("CsM", "send me your, send me una"),
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
    ("N", "dont you dare, dont u dare, do not dare, dont dare, dont you ever, dont u ever"),
    ("KU", "again and ill, again and i will, again i will, again and i go, again i go, again ill"),
    ("NW", "ban yarda"),
    ("T", "sako ba, sakonku ba"),
    ("P", "let there be, kar ku damu, kada ku damu, kar ka damu, kada ka damu"),
    ("R", "fagi le, fa igi le"),
    ("c", "agaghi m, agaghim, anyi agaghi, unu agaghi"),
    ("X", "kwusie ike, kwusi ike, kwusienu ike"),
    ("C", "bring back, gaba n ihu, gaa n ihu, gawa n ihu, gaba na"),
    ("AMK", "carry me go back, take me back, bring me back, carry me back, return me"),
    ("UW", "im ready to, i am ready to, ready to"),
    # Yoruba
    ("LM", "fi ori ila mi sile, fi foonu mi sile, je n simi, je n sinmi"),
    ("qS", "e ye, e yee, e duro, e dawo duro"),
    ("qR", "e yo"),
    ("Ns", "ma ko, e ma ko, ma se ko"),
    ("C", "e maa"),
    ("RnM", "pa nonba mi"),
    ("i", "kini eyi, eyin wo, ki ni e n"),
    ("X", "fi oruko mi ranse, mo duro, duro na, e duro na, e duro de, e duro ti"),
    ("c", "a o ni, won o ni, mi o ni"),
    ("X", "mo n, a n, duro de, duro ti"),
    ("S", "da duro, dawo duro, da a duro, owo duro"),
    ("N", "e ma se, e ma, ma se"),
    ("Ns", "ma pe, ma ranse"),
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
    ("An", "sa lambata, sa lambar, sa lamba, sa sunana, sa number, saka lambata, saka sunana"),
    ("CF", "e maa ba"),
    ("AM", "fi mi kun, fi oruko mi, fi nomba mi, fi nonba mi, fi number mi"),
    ("P", "e ku, e se, o se, e joo"),
    ("H", "ran mi lowo, ran wa lowo, break am down, identify yourself, introduce yourself"),
    # Hausa
    ("NW", "ban bukata, ban bukatar"),
    ("Rn", "share sunana"),
    ("X", "bari mu"),
    ("qS", "ku bar, a bar, in daina"),
    ("qR", "ku cire, a cire, ku goge, a goge"),
    ("R", "fita daga"),
    ("L", "rabu da"),
    ("NW", "ban son"),
    ("i", "wane ne, wanene, menene"),
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
    ("P", "ran ka, ya dade"),
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
    ("i", "unu bu ndi ole, kedu ka e si"),
    ("F", "oso oso"),
    ("NW", "anaghi m acho, enweghi m mmasi, enweghim mmasi"),
    ("AM", "debanye aha m, debanye m, debanyere m"),
    ("NW", "a choghi, acho ghi"),
    ("LM", "ka m zuo ike, ka m zuru ike"),
    ("H", "nyerenu m aka, nye aka, nyere m aka, nyerem aka, enyere m aka"),
    ("UW", "achoro m, achorom"),
    ("Q", "ike agwula m, ike agwugo m, ike gwuru m"),
)
PHRASES: dict[str, str] = BUILT | {
    " ".join(phrase.split()): letters for letters, known in _KNOWN for phrase in known.split(",")
}
