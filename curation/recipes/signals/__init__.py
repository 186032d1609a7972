"""What a signal says: a value for each sample, or a verdict on a couple of samples. A module for each source.

One rater has one voice. A judge asked five times about the same two samples speaks once, with the mean of its answers;
the comparisons a ranking of k implies weigh 2/k each, so that the ranking counts as k - 1 comparisons and not as
k (k - 1) / 2. Where people have voted on a couple, machines do not vote beside them: what a machine's vote is worth
follows from people's votes, and nothing here has measured that.

Another source is a module with `hear(signal, read, samples) -> Heard`, a line in `hearing.SOURCES`, a form of
`signal` in the schema, a word in `model.Source` and what it reads in `model.Signal.reads`.
"""

from curation.recipes.signals.heard import EXACT_HALF as EXACT_HALF
from curation.recipes.signals.heard import SHARES as SHARES
from curation.recipes.signals.heard import Heard as Heard
from curation.recipes.signals.heard import verdicts as verdicts
from curation.recipes.signals.hearing import hear as hear
from curation.recipes.signals.hearing import hear_spread as hear_spread
from curation.recipes.signals.means import mean_by as mean_by
