"""Surface dynamics from a movie (Madsen 2018, §4.2, Fig. 10): sites, occupancy, events, rates.

A site is a place where a column is seen in some of the frames. An event is a site occupied in
one frame and empty in the next, or the reverse. A column that a network misses once makes two
events that never were, so beside the raw numbers there are those of a hidden Markov model, whose
hidden state is the site's true occupancy and whose observation is the network's probability.
"""
