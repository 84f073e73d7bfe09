#!/usr/bin/env bash
# Installs @tensorflow/tfjs-node for --backend tensorflow into runs/peers/tensorflow and links it into node_modules (npm ci
# takes the link away again). Where its own library cannot be fetched, the addon is built against the one inside the
# Python package tensorflow-cpu, which has the same C interface. Linux; needs python3 with venv, make and a C++ compiler.
set -euo pipefail
cd "$(dirname "$0")/../.."

tfjs=4.22.0     # of the tfjs packages in package.json
library=2.21.0  # of tensorflow-cpu
folder=$PWD/runs/peers/tensorflow
package=$folder/node_modules/@tensorflow/tfjs-node

link() { ln -sfn "../../runs/peers/tensorflow/node_modules/@tensorflow/tfjs-node" node_modules/@tensorflow/tfjs-node; }
if [ -f "$package/lib/napi-v8/tfjs_binding.node" ]; then link; exit; fi

for tool in python3 make g++; do
  command -v "$tool" >/dev/null || { echo "make tensorflow: $tool is not installed" >&2; exit 1; }
done
mkdir -p "$folder"
echo '{ "private": true }' >"$folder/package.json"
install() { npm install --prefix "$folder" --no-save --no-fund --no-audit "$@" "@tensorflow/tfjs-node@$tfjs"; }
if install >"$folder/install.log" 2>&1; then link; exit; fi

echo "libtensorflow cannot be fetched (runs/peers/tensorflow/install.log): building against tensorflow-cpu $library" >&2
install --silent --ignore-scripts
test -x "$folder/venv/bin/pip" || python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps "tensorflow-cpu==$library"
wheel=$(echo "$folder"/venv/lib/python3*/site-packages/tensorflow)

# The places and names that the addon's build looks for.
mkdir -p "$package/deps/lib"
ln -sfn "$wheel/include" "$package/deps/include"
for name in tensorflow_cc tensorflow_framework; do
  ln -sf "$wheel/lib$name.so.2" "$package/deps/lib/lib$name.so.2"
done
ln -sf libtensorflow_cc.so.2 "$package/deps/lib/libtensorflow.so"
ln -sf libtensorflow_framework.so.2 "$package/deps/lib/libtensorflow_framework.so"

# The headers of this very node, where they came with it.
prefix=$(node -p 'require("node:path").resolve(process.execPath, "../..")')
headers=()
if [ -f "$prefix/include/node/node_api.h" ]; then headers=("--nodedir=$prefix"); fi
(cd "$package" && npx --yes node-gyp@11 rebuild "${headers[@]}" --module_name=tfjs_binding \
  --module_path="$package/lib/napi-v8" --napi_version=8 --napi_build_version=8) >"$folder/build.log" 2>&1 ||
  { echo "make tensorflow: the addon does not build (runs/peers/tensorflow/build.log)" >&2; exit 1; }
link
