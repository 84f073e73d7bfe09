#!/bin/sh
# Mesa's software adapter into a folder, without root and beside what is installed: of Debian's backports where the
# release's own is too old. Usage: lavapipe.sh FOLDER
set -e
none() {
  echo "no software adapter with f16: Mesa's comes with Debian's mesa-vulkan-drivers, which could not be had" >&2
  exit 1
}
mkdir -p "$1"
folder=$(cd "$1" && pwd)
cd "$folder"
. /etc/os-release
archive=$(apt-get indextargets --format '$(REPO_URI)' "Created-By: Packages" "Release: $VERSION_CODENAME" 2> /dev/null | head -1)
[ -n "$archive" ] || none
mkdir -p apt/sources apt/lists/partial apt/archives/partial
cat > apt/sources/debian.sources <<END
Types: deb
URIs: $archive
Suites: $VERSION_CODENAME $VERSION_CODENAME-backports
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
END
from="-o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts=$folder/apt/sources -o Dir::State::lists=$folder/apt/lists -o Dir::Cache=$folder/apt"
apt-get $from update -q > apt/log 2>&1 || none
driver="mesa-vulkan-drivers libdrm2 libdrm-amdgpu1"
beside="libvulkan1 libllvm15 libwayland-client0 libx11-xcb1 libxcb-dri3-0 libxcb-present0 libxcb-randr0 libxcb-shm0 libxcb-sync1 libxcb-xfixes0 libxshmfence1"
apt-get $from -t "$VERSION_CODENAME-backports" download -q $driver >> apt/log 2>&1 || none
apt-get $from download -q $beside >> apt/log 2>&1 || none
for package in *.deb; do dpkg -x "$package" .; done
rm -rf ./*.deb apt
library=$folder/usr/lib/x86_64-linux-gnu/libvulkan_lvp.so
printf '{"file_format_version":"1.0.0","ICD":{"api_version":"1.3.0","library_path":"%s"}}\n' "$library" > icd.json
