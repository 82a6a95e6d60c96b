#!/usr/bin/env bash
# A Slurm cluster of one node for the tests: real slurmctld, slurmd and munge from Debian's
# packages, without systemd, slurmdbd and cgroups. All state is in one folder.
#   slurm-one-node.sh start|stop FOLDER      as root
# GPUs are null devices: Slurm schedules them and sets CUDA_VISIBLE_DEVICES, nothing can use them.
set -euo pipefail
folder=$2
configuration=$folder/slurm.conf
# The job steps of Snakemake's plugin lose SLURM_CONF, so the configuration lies where Slurm looks.
link=/etc/slurm/slurm.conf
port=16817
gpus=2

alive() { [ -s "$1" ] && kill -0 "$(cat "$1")" 2>/dev/null; }

write_configuration() {
  local host
  host=$(hostname -s)
  mkdir -p "$folder"/{state,spool,log,run,gpu}
  chmod 755 "$folder" "$folder/run"
  # More processors than there are, since jobs of a tiny run mostly start Python. Memory is
  # enforced without cgroups: Slurm looks every second and kills what has more than it asked for.
  cat > "$configuration" <<C
ClusterName=onenode
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/run/munge.sock
CredType=cred/munge
SlurmctldPort=$port
SlurmdPort=$((port + 1))
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/run/slurmctld.pid
SlurmdPidFile=$folder/run/slurmd.pid
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
ReturnToService=2
KillWait=5
MinJobAge=7200
GresTypes=gpu
NodeName=$host NodeAddr=127.0.0.1 CPUs=8 RealMemory=16000 Gres=gpu:fake:$gpus State=UNKNOWN
PartitionName=cpu Nodes=$host Default=YES MaxTime=3-0 State=UP
PartitionName=gpu Nodes=$host MaxTime=3-0 State=UP
C
  : > "$folder/gres.conf"
  for ((i = 0; i < gpus; i++)); do
    [ -e "$folder/gpu/fake$i" ] || mknod "$folder/gpu/fake$i" c 1 3
    echo "Name=gpu Type=fake File=$folder/gpu/fake$i" >> "$folder/gres.conf"
  done
}

start() {
  if [ -e "$link" ] && [ "$(readlink "$link")" != "$configuration" ]; then
    echo "$link: there is a Slurm on this machine already" >&2
    return 1
  fi
  write_configuration
  mkdir -p "${link%/*}"
  ln -sfn "$configuration" "$link"
  ln -sfn "$folder/gres.conf" "${link%/*}/gres.conf"
  [ -s "$folder/munge.key" ] || { head -c 128 /dev/urandom > "$folder/munge.key"; chmod 400 "$folder/munge.key"; }
  alive "$folder/run/munged.pid" || munged --force --key-file="$folder/munge.key" \
    --socket="$folder/run/munge.sock" --pid-file="$folder/run/munged.pid" \
    --log-file="$folder/log/munged.log" --seed-file="$folder/run/munged.seed"
  alive "$folder/run/slurmctld.pid" || slurmctld -f "$configuration"
  alive "$folder/run/slurmd.pid" || slurmd -f "$configuration"
  for _ in $(seq 300); do
    [ "$(sinfo -h -p cpu -o %T 2>/dev/null)" = idle ] && return 0
    sleep 0.2
  done
  { echo "the node did not become idle"; sinfo -R || true; tail -n 20 "$folder"/log/*.log; } >&2
  return 1
}

stop() {
  if alive "$folder/run/slurmctld.pid"; then
    scancel --me 2>/dev/null || true
    for _ in $(seq 100); do
      [ -z "$(squeue -h 2>/dev/null)" ] && break
      sleep 0.2
    done
  fi
  local daemon pid
  for daemon in slurmd slurmctld munged; do
    [ -s "$folder/run/$daemon.pid" ] || continue
    pid=$(cat "$folder/run/$daemon.pid")
    kill "$pid" 2>/dev/null || true
    for _ in $(seq 100); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
    kill -9 "$pid" 2>/dev/null || true
  done
  if [ "$(readlink "$link")" = "$configuration" ]; then rm -f "$link" "${link%/*}/gres.conf"; fi
  rm -rf "$folder"
}

case "$1" in
  start) start ;;
  stop) stop ;;
  *) echo "usage: $0 start|stop FOLDER" >&2; exit 2 ;;
esac
