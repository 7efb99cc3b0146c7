#!/usr/bin/env bash
# Gradescope runs this once, as root, when it builds the autograder's image: it installs a Python and what grading needs.
set -euo pipefail
source="${AUTOGRADER_BASE:-/autograder}/source"

# The first Python that is 3.11 or newer and can make an environment.
find_python() {
    for name in ${PYTHON:-} python3.13 python3.12 python3.11 python3; do
        if "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    return 1
}

if ! python=$(find_python); then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq python3.12 python3.12-venv || apt-get install -y -qq python3.11 python3.11-venv
    python=$(find_python)
fi

"$python" -m venv "$source/venv"
# The extra index has torch's build for machines without a GPU, a tenth of the size of the ordinary one.
"$source/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --extra-index-url https://download.pytorch.org/whl/cpu -r "$source/requirements.txt"
packages=$("$source/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
echo "$source/package" >"$packages/grokcourse.pth"
"$source/venv/bin/python" -m grokcourse.autograder.gradescope --try
