# Memory and time of a job, from what was measured. Runtime settings (threads, GPUs, nodes) are in
# the profiles: no result is outdated by them.

# MB: Snakemake itself, twice in every cluster job, is not in what benchmarks/ measures.
SNAKEMAKE_MEMORY = 500


def memory(peak):
    """mem_mb: room for twice the measured peak (MB, max_rss), more with every attempt."""
    return lambda wildcards, attempt: attempt * (SNAKEMAKE_MEMORY + 2 * peak)


def minutes(measured):
    """runtime: twice the minutes measured on a slow machine, more with every attempt."""
    return lambda wildcards, attempt: attempt * 2 * measured
