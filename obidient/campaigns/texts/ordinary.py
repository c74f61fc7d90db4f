"""Words that look like a slip of one of ours and mean something of their own.

Common English words, and words of the texts in tests/data/texts that ask for nothing.
"""

ORDINARY = frozenset(
    """
    abby abort accidents activated activates advent advertisement afternoons agent aiding akin
    akwusighi alain albert alight alkaline allan allows alloy aloe along altering amalite
    appreciates ardent arena arise arrests aside assalamu assists assuring aunt aunts automate
    avert bagging bain banda bandit barbarian barca baring baritone bark barks barn barns
    barring baseline batter bayan beak beater beer began begins begun bein beings benin bess
    bette bezos bing bitter black bleak blessing bling bliss bloc blocks blood bloods boeing
    bombardment booed booing bore bothers bowed bowing boxed boxing bread breaks bred bree
    bridging brig brine brings brink brock brothers bucs bugging butter callahan
    callie calming calms calvin cancels cancer cannon carlin carp case ceased ceasefire ceases
    celine cells champaign chanting charting chase chattanooga cheeks cheer cheery chia
    childrens childs chile chili chill choo chord chore clarity clean clearance clears cleary
    coding cold collin combing comet comin command commando commandos commit common como
    constants cont contend contends contented contentment contest contests context contexts
    continued contract contracted contracting contracts convent coping counts county
    course courts crass crease creditor credits criminals criss crops crows cure cures
    cursed curses curt curve dairy daisy dakota daly damian damon dana daring databases
    daughters deactivated dealing dean deer deletes demands depleted depletion derail detain
    detect diana didn ding director directors discontent discontinued discredit disliked
    dislikes doesn doin domain domino donations donor donut doping dose dropping earl earle
    ease edna effects ejection ekaabo electron electrons emeela emeka emery emil emma
    endangering endure ensured ensures enwere eras erased erection errors even evenings events
    excerpt excise excluded excludes excused excuses explains failed fails faraway farther
    fathers fatter feather feed feline fellow fiat fiend finalist finalists firing firth
    flashback flashy flask flesh floods floor flooring floyd flush folds folk follows food
    foods forge forged forgets forgot forks form fort forte forts forty forwards fouls fourth
    fragile frau frauds freud fried fuckin fundamental futures gain gaping garage gasoline
    gathering geneva glide goodbyes governments governors graceful greeting guided guideline
    guidelines guides guido guise guru hall halle halls halo hanger hast hating haunt haven
    havens havin heading healing hearings heating hella hells helps hera heresy herring hiring
    humble hunter husbands identity idiom included includes inline insists insta instruction
    interests introduced introduces irritate isle ismail joni journalist journalists kafin
    karan karbi karen kari karim karma karya katin kawhi kieran kilda kindle kinds koran kyle
    labor lair lama lamar lamb lambda lambs lanes lasts latin lawyers layer layi laying leader
    lease leaves lenders lettering leyin lien lies lifeline lifts likes lined linen liner
    liners lineup linger links linus lira lives loner longed loren lots lumbar madame madeline
    maduro magna maia maid maids main mainline mains mais majoring malay mali malice malls
    mama masse massey master mather maturation maya mayan mayer mayor mazda medalist medina
    meetings melting messes metadata minimalist minster minutes misses mistaken mistakes
    moaning monitoring mornin mornings mothers motoring mourning movements muster naira
    namesake naturalist needy nerds nevada nevermind newer newman nigerian nigh nights nonstop
    noticed novice numb numbering obedient offering offline online onward optic option
    ordering ordination organisations organizations ornament ornamental outing outline
    outlines outnumber pace panty parity parry parse partly partnering parts pasadena patty
    paused pauses peach pearce pearson peas peer pence peoples permissions permits persona
    persons pete peters phoned phony pierson pinning pipeline pipelines place platforms plead
    pleads pleased pleases pleasing policy polite politico poster potions preferring prefers
    presidents primate primo prom promote prone protect protests proto pure purged purse
    ragged raise rana range ranging rank ranks ransom rarest react read reads realist realty
    reassuring recall recalling recalls received receiver receives recipe recite reciting
    reddy regard registers registrations regrets regroup reich reilly reinstated relied
    relieve relieving relish relive rely remainder reminded remote remover removes rename
    repay repeal repeats repent replay replies reports repost requests resend resist resort
    respects restored restores restoring resumed resumes resut retiring returns revive
    reviving rewarding rewards ringtone rinse roach rugged saline sally salon sammy samu sands
    saturation saving saxon sayin sayings scams scare seams seeding seeds seeking seeming
    senators sens sensing serviced sewing shade shake shakira shale shalt shame shaming shane
    shape shaping shard shared shares sharing shark sharpe shave shawl sheep shell shire
    shopped shopping shore shoulda sideline sidelines silky sill simple sinai sing sisters
    sitter siyasar skill slamming slams slaying sleek sleeps sleepy small smart snare sneaking
    snitch snuff sons space spacing spade spans spar spared spares sparing spark sparse spasms
    spending spends spill spire spore spying staff stall stamp stamping staple star starch
    stare stares stark starr stars stat stats staying steep stepped stepping stiff stills
    stipend stitch stomp stomping stopover stoppage stopper stops storing strait strap
    strata straw stray streamline stride strife striker strikes string stripe strive stroke
    strut stuart stuffs stuffy subgroup subgroups subordinate subscribed subscriber sully
    swaying sweep systems taker takes takin talkin talks taped tapering taping tasks taxing
    telecommunication telecommunications telephone telephones tellin tents terminated
    terminates tested testing tests tete texas than thee theme ther theres theses theyre thier
    thin thine thingy think thinks thong thorough though thrash threes threw thrive thus tides
    tied tier tiered ties tiled tiles timed timeline timelines timer timers ting tinkering
    tiny tires tiring todays token tournament towering trashy tree tried trish troubled
    troubles trough tsaye tutu tying types unclear uncles understands undisturbed unlock
    updated veer vent volunteers voted waite waited waiting waits walahi wanda wandering
    waning warming warnings warring warts wary washes washing wasted watering watts weakly
    wear wears welcomed welcomes were whale wherever whine white whiting whole whore wished
    wishlist withdrawal withdraws withdrew wondering wong words world worms worried woulda wats
    charge charged charges represent represents
    wound writ writer writes writings wrongs wrote youve
    """.split()
)
