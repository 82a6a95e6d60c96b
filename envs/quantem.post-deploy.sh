#!/usr/bin/env bash
# Snakemake runs this in the environment when it makes it. Of quantem one module is used, which
# needs no more than is there; the package's own list would bring torchvision and much else.
set -euo pipefail
python -m pip install --no-deps quantem==0.1.10
