"""Machines tested against people: accuracy on single votes, best of n, correlations, all with intervals. Plain code.

    frames.py        the tables this reads
    board.py         people's voices on pairs, and each machine's margin on the same pairs
    credit.py        what a verdict is worth beside a vote, under each rule for ties
    intervals.py     shares and differences clustered by prompt
    paired.py        two machines on the same votes: McNemar's test
    best_of.py       whether the top sample is people's top
    correlations.py  Spearman, Pearson and Kendall, over all samples and within prompts
    slices.py        the same accuracy by tag, generator, language, strength
    report.py        all of it, for one question

The definitions stand in docs/evidence.md.
"""
