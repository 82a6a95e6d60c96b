#!/usr/bin/env bash
# After the driver (`snakemake --profile slurm`) was killed: cancel the jobs that it left running,
# wait until they are gone, and unlock. Then start the same command again: it goes on.
#   profiles/slurm/after-kill.sh [PREFIX]      from the root of the checkout
# PREFIX is the start of the jobs' names (default: LATTICEWORK_JOB_PREFIX, else latticework). Only
# jobs that were submitted from this folder are cancelled.
set -euo pipefail
prefix=${1:-${LATTICEWORK_JOB_PREFIX:-latticework}}
here=$(pwd -P)

# A driver that lives would lose its jobs; those inside of a job are no drivers.
for pid in $(pgrep -u "$(id -u)" -f 'snakemake' || true); do
  [ "$(readlink "/proc/$pid/cwd" || true)" = "$here" ] || continue
  grep -qz '^SLURM_JOB_ID=' "/proc/$pid/environ" && continue
  echo "process $pid runs snakemake in this folder: stop it first (Ctrl-C there cancels its jobs)" >&2
  exit 1
done

orphans() {
  squeue --noheader --me --format='%i|%j|%Z' |
    awk -F'|' -v prefix="${prefix}_" -v here="$here" 'index($2, prefix) == 1 && $3 == here {print $1}'
}

jobs=$(orphans)
if [ -n "$jobs" ]; then
  echo "cancelling: ${jobs//$'\n'/ }"
  # shellcheck disable=SC2086 - one word a job
  scancel $jobs
  for _ in $(seq 120); do
    [ -z "$(orphans)" ] && break
    sleep 1
  done
  left=$(orphans)
  [ -z "$left" ] || { echo "still there after two minutes: ${left//$'\n'/ }; see squeue" >&2; exit 1; }
fi
# What `snakemake --unlock` does, without the need to know the run's configuration.
rm -rf .snakemake/locks
echo "ready: run the same command again"
