#!/bin/sh
# lm-evaluation-harness in the virtual environment of vLLM, whose torch and transformers its own backend runs on.
#
# sh experiments/peers/lm-eval.sh FOLDER    (half a minute after vllm.sh, nothing after it)
set -eu
venv=$1
version=0.4.13

sh "$(dirname "$0")/vllm.sh" "$venv"
[ -e "$venv/ready-lm-eval-$version" ] && exit 0
echo "installing lm-evaluation-harness $version into $venv"
"$venv/bin/pip" --quiet --disable-pip-version-check install "lm-eval[api,hf]==$version"
touch "$venv/ready-lm-eval-$version"
