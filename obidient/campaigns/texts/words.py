"""Words of opting out, opting in and asking for help, by what they do in a sentence.

Each class has a letter; keywords.py has the rules over the letters. Words are written as they are
compared: lower case, without marks and apostrophes. English and Pidgin come first, then Yoruba,
Hausa and Igbo. A word of several languages stands where it does least harm.
"""

#: Letter -> words of that class.
CLASSES: dict[str, str] = {
    # Stop: enough when nothing else is said.
    "S": """
        stop stopall stopit stopp stopping stp st0p sotp tsop stpo sstop sttop
        stopn stob stap stip stup syop dtop stahp stawp stpp stpop stopo refrain
        unsubscribe unsubscribed unsubscribing unsub unsubs unscribe unsuscrib unsubscrip optout
        dnd cease desist
        duro dawoduro dekun daduro idaduro daina dena dainawa dakata dakatar tsaya tsayar bari
        kwusi kwusinu kwusia kwusiri nkwusi akwusi
    """,
    # Ends something: an opt-out only where it begins the sentence ("end", but "this is the end").
    "E": """
        end quit cancel revoke revoked halt pause suspend terminate discontinue deactivate exit
        unfollow unjoin
    """,
    # Takes somebody off a list.
    "R": """
        remove removed removing removal deletion fagile deleted remov remve rmv delete deleting
        erase comot commot komot
        comut
        expunge exempt gbagbe purge clear delist unlist wipe block blacklist withdraw exclude
        deregister unregister
        ipu bipu puo pua kpochapu yo cire goge fitar wepu wepunu ewepu hichapu sepu mkpochapu
    """,
    # Leaves somebody alone.
    "L": "leave free kyale kyaleni rabu hapu hapunu ahapu ehapu rapu rapunu arapu erapu fimisile",
    # Take, get: with "off" or "out" behind the person.
    "t": "take taken taking took opt pull put cut",
    "o": "off out away kuro",
    # Forbids ("don't send"), or denies ("I don't want").
    "N": """
        dont donot no not nor nt dnt never neva neither shouldnt mustnt
        mase masepe ema kada kar kadda karku kadaku kokwa
    """,
    # Only denies: "can't stop", "didn't subscribe".
    "c": """
        doesnt didnt cant cannot wont isnt arent wasnt havent hasnt non without aint
        agaghi gaghi
    """,
    # Reaches a person with a message; "don't send" is plain without saying to whom.
    "s": """
        send sends sending sendin snd sndin sndng sendn tex txtn msgin msging cal forward forwarding
        disturb disturbing disturbin distub distubing disturbed bother bothering
        contact contacting contacted spam spamming spaming txting txtin texing
        harass harassing bombard bombarding pester pestering texting textin messaging
        dialing ring ringing ping pinging mail mailing broadcasting
        te laago ranse firanse fifiranse pe pipe damu daamu laamu lamu lenu dami yonu
        turo turomin turawa tura aiko aikomin aikowa kira kirana kiran dame damuna damun takura
        takurawa rubuto
        izi izite izitere izitara izitera izipu zitere zite zitara iziga zitewe iziteara
        izipuru iziri ezitere ezitara akpo ikpo kpo ikpoku izigara izitela
    """,
    # The same, but "no trouble" and "don't worry" are something else.
    "V": """
        bata trouble troubling ko stress stressing worry worrying flood flooding reach
        adding wasting bring bringing use using remind reminding notify notifying wake waking
        alerting beeping mkpotu full fill
    """,
    # Gets a message.
    "g": """
        receive receiving recieve recieving recive reciving get getting gettin got getin
        hear hearing see seeing gba ganin ri jin gbo karba karbar samun inatakwa inata anata inweta
    """,
    # What is sent.
    "T": """
        message messages massage massages mesage mesages messge messeges messege msg msgs mgs
        sms smss
        text texts txt txts texte call calls update updates reminder reminders notification
        notifications alert alerts notice notices broadcast broadcasts newsletter newsletters
        mails email emails promo promos promotion promotions promotional bulletin bulletins advert
        adverts ads
        spams calling callin subscription subscriptions service services content contents
        mailings messagess communication communications correspondence robocall robocalls flash
        ifiranse iranse iroyin ateranse atejise atejade ipe ifiweranse iwe oro
        sako sakon sakonni sakonnin sakonku sakonninku sakonnanku sakonki magana ozi oku ozioma
    """,
    # The person who writes.
    "M": "me my mine myself mani simi wayata mi temi emi ni nin min mini mun dani gareni m mu",
    # Where we have them: a number, a name, a list.
    "n": """
        number numbers numba nomba num nos line lines phone phones name
        fone sim inbox list lists database data directory group groups platform record records
        contacts system mailbox chat page consent listi detail details book privacy permission
        credit airtime egbe otu nonba noomba namba oruko akojo akosile foonu fonu ero ila
        layin tsarin lamba dina lambata lambar lambana suna sunana waya jeri jerin
        jerinku sunayenku sunaye nawa aha ahamu ekwenti ndeputa akwukwo
    """,
    "W": """
        want wants wanted wanting wan wanna need needs needing wish wishes interested intrested
        interest permit
        fe nife nifee nilo bukata bukatar neman sonsu choro
    """,
    # Again, any more.
    "K": """
        again anymore another more longer karin ever further back mo pada tun kara sake nxt tym
        evr eva
        kuma ozo ozokwa mmm agn agen agin
    """,
    # Tired of it: only with what they are tired of.
    "Q": """
        tired tire enough fed sick gaji agwula gwuru irritated irritating annoying annoyed
        hate detest dislike nuisance disturbance harassment menace
    """,
    "G": """
        start starts unstop subscribe subscribing resubscribe resub optin rejoin restart
        reactivate resume strt strat satrt sart startt
        bere fara farawa malite maliteghachi bido bidoro bidoghachi malitekwa bidonu
    """,
    # Begins again: only with what.
    "C": "continue continues begin join tesiwaju cigaba gaba",
    # Allows, after "you": "you can text me again".
    "y": "can may fit could",
    "k": "make mek let allow",
    "l": "last",
    # Asks: in front of "help", not of "stop".
    "w": "what which how where why when wetin yaya kedu bawo",
    "f": "if idan",
    # Puts somebody on the list.
    "A": """
        readd restore reinstate reconnect return enlist reenlist relist unblock saka mayar dawo
        maida
        tinye tinyenu tinyeghachi gunyeghachi laghachi ilaghachi weghachi
    """,
    "H": """
        menu commands instructions guide explain clarify kowaa kowaara bayani salaye
        help helpp hlp hlep halp info infos information assist assistance helpline helpdesk
        iranlowo taimako taimaka taimakon taimake enyemaka enyereaka
    """,
    # Says nothing by itself and may stand before a request.
    "P": """
        so therefore hence then please pls plz plss pleas plse pliz plis plea pleaseo pl
        abeg abegi abeggi ejoo
        biko bikonu ejo ejor ejoor jowo ejowo jo jor jare joor kindly dakun edakun just simply
        sir ma madam sirs oga ogas bros bro sis brother sister dear friend friends mr mrs mister
        aunty uncle
        ok okay oya alright well yes yeah ah ahah haba kai chai haa o oo ooo oh na sha
        sef nau now thanks thank thankyou thx tnx tanks thankz tank appreciate hi hello hey helo
        hallo
        good morning gm afternoon evening night day greetings sorry respectfully respect humbly
        regards cheers bless blessed blessings god amen peace bye goodbye goodnight hmm mtchew
        mscheww nonsense rubbish useless idiot idiots fools fool stupid foolish mumu olodo ode
        mad yeye shior ogbeni alaye boss egbon aburo nna oloshi werey shegu ewu mahaukata abi
        however beg begging pleading urgently immediately asap and
        ese kaaro kaasan kaale ekaaro ekaasan ekaale olorun oluwa bukun
        don allah dan nagode gode sannu barka ranka dade yallabai malam alhaji hajiya
        daalu imela ndewo nno chukwu gozie ututu oma nwanne nwannem nsogbu wallahi
    """,
    # Says nothing that counts.
    "F": """
        fi fifi write both abu lokaci fa lot yall thats trash garbage junk crap stuff propaganda
        whatever dare mutanenku nwunye lesekese whoever press click button yesterday week month
        year sent nkan iru shi ita dinku mama papa second new main ciki sinu lost something tori
        gareku enter entering cika dude bruh wifes husbands mothers fathers programme program
        kiakia kia maza ngwa osiso sharpsharp any mistake mistakenly error accident asise
        kuskure mmejo twice thrice still till d al 4rm personal private own two three four five
        ten speaking chatting better understand subsequent future ds dz sori sibi nkankan maa
        kun za ne komai wurinku masu dinga kawai banza shirme amfani kwa ubochi bula obula naka
        kita ebe nzuzu ihe bu ta kuka know eleyi se niyen yake eji eme am are is be was been
        being the a an of to should would shall s it its this that these those dis dat dem your
        yours ur youre from frm fo into by via through all everything altogether totally
        completely permanently once many several hereby writing grateful mind person anything
        activate come also as henceforth part sed sharp everyday wife husband mother mum mom
        father dad daughter child children pikin baby today tomorrow always everytime hav bin
        effect participate partake ori wani wata wasu nu dia dere din dinnan time times daily
        constantly constant forever here already have has had having do does did really very
        much too such people pple ppl guys folks team thing things tins tin kind kinda kain kine
        type sort one yourself yourselves urself ones instantly quickly kpatakpata straightaway
        forth onwards dey de dy sure ensure try said say saying talk talking asked ask request
        requesting requested demand insist repeat told tell telling warn warning possible
        possibly only alone his her some earlier side ati wey prefer who unto im id ill ive up
        unsolicited unwanted random damn bloody fucking fuck hell shit bullshit early late
        midnight hourly minute weekly monthly pm oclock hrs e ti yin si fun lati ninu inu ki n
        wa naa yii wonyi awon won sile le lori kankan re je nibe odo yi gbogbo bayii ku ka da su
        lo suppose supposed since forthwith anytin anytyn anythin
        nan daga cikin wannan wajenku gunku wadannan naku duk yanzu haka ga zuwa ake kuke kake
        ce mana unu gi nke ndi ya site ugbu ahu nile nine onye ozugbo aka ike ime isonye agwala
    """,
    # What comes behind one of these adds to our messages: "stop texting me about the rally".
    "p": """
        about with wit wif regarding concerning at every each like whenever during pelu for on in
        while
    """,
    # The one who speaks or is spoken to.
    "U": "i you u una yu ye ina",
    # What our messages are about: no object of their own before "messages" ("political texts").
    "O": """
        siyasa oselu ndoro ochichi whatsapp them us our we political politics politic
        campaign campaigns party bulk obi obidient obidients peter
        registration labour lp election elections unnecessary silly boring endless mass spammy fake
        automated auto fundraising donation volunteer meeting rally event movement
    """,
}

#: Beginnings of words that take many endings, mostly of Hausa and Igbo -> their class.
STEMS = {
    "malit": "G",
    "bidogh": "G",
    "unsubscr": "S",
    "daina": "S",
    "kwusi": "S",
    "wepu": "R",
    "hichap": "R",
    "hapu": "L",
    "turo": "s",
    "tura": "s",
    "aiko": "s",
    "aika": "s",
    "kirana": "s",
    "iziga": "s",
    "izite": "s",
    "ezite": "s",
    "eziga": "s",
    "sakon": "T",
    "sakwan": "T",
    "ifiran": "T",
    "ateji": "T",
    "lamba": "n",
    "layin": "n",
    "tinye": "A",
    "gunye": "A",
}
STOP_ENDS = ("nu", "kwa", "wa", "zie", "zia")

#: These begin a new clause wherever they stand.
BREAKS = frozenset(
    """
    because becos becuz bcos bcoz bcus bc cos coz cus before b4 else otherwise or but unless except
    zan nitori amma saboda domin maka
    """.split()
)
#: A reported STOP asks for one when it is said to have been in vain.
IN_VAIN = frozenset("still twice thrice already times yet".split())
#: What happens to us when we text "again".
THREATS = frozenset(
    """
    report reporting sue suing police court lawyer ncc ndpc block blocking thunder strike regret
    kara curse arrest wotowoto efcc slap beat insult abuse punish para swear warn
    """.split()
)
#: "Don't call now" puts us off, no more.
FOR_NOW = frozenset("now today tonight instead yet meeting driving".split())
#: Takes back a STOP that is told beside it.
MISTAKES = frozenset("mistake mistakenly error accident asise kuskure mmejo emehiere".split())
#: So does that the mood has passed.
REGRETS = frozenset("angry vex vexed regret".split())
#: What was done, unless it is wanted: "my number was removed", "I want my number removed".
DONE = frozenset("removed deleted".split())
WANTED = frozenset("be should must needs want wants wish would like get".split())
#: "Cancel that" said of figures.
FIGURES = frozenset("figure figures result results score scores".split())
#: "Stop it" said in fun.
JOKES = frozenset("laugh laughing lol lmao joking joke funny".split())
#: What takes our messages up again: "these messages, stop them".
MESSAGES = frozenset("message messages text texts calls sms msg msgs updates reminders".split())
#: Networks are asked to stop what they do, not we: "MTN takes my airtime, can you stop it".
NETWORKS = frozenset("mtn glo airtel 9mobile etisalat dstv nepa phcn".split())
#: Whoever is asked to help in a prayer.
GODS = frozenset("god olorun oluwa jehovah jesus lord chukwu chineke".split())
#: Said of oneself. What comes of a text about other people's affairs is for a person to see.
ONESELF = frozenset("i im me my mine myself mi m ni min emi n ina na nomba lambata".split())
#: The affairs of the country: a lone "Stop!" beside one of these is addressed to somebody else.
AFFAIRS = frozenset(
    """
    vote votes voter voters voting rig rigging rigged nigeria nigerians naija corruption killing
    killings kill police sars government govt tinubu atiku buhari inec apc pdp thugs thug violence
    hunger fuel subsidy bandits insecurity war fighting kidnapping country people masses leaders
    senator governor president bill spoil protest thief thieves
    """.split()
)
