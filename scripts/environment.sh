# SPDX-License-Identifier: Apache-2.0
# Sourced by the other scripts: makes .venv from uv.lock when it is missing or something that it is made from has changed.
# Sets PYTHON to its interpreter and INSTALL_SECONDS to what this took.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
venv="${MEDQUORUM_VENV:-$root/.venv}"
PYTHON="$venv/bin/python"
kernels="$root/verifier/src/medquorum/verifier/arithmetic/kernels"

find_python() {
    local name
    for name in "${PYTHON_BIN:-}" python3.13 python3.12 python3.11 python3 python; do
        if [ -n "$name" ] && "$name" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    echo "Python 3.11 or newer (with its venv module) was not found. Install it, or name it in PYTHON_BIN." >&2
    return 1
}

sync_environment() {
    (cd "$root" && UV_PROJECT_ENVIRONMENT="$venv" "$venv/bin/uv" sync --quiet --locked --python "$PYTHON" "$@")
}

# The build tools come from the lock file too, with their hashes; the last step takes them out again.
install_environment() {
    local base stamp wanted
    wanted="$(cd "$root" && cat uv.lock scripts/uv.txt pyproject.toml */pyproject.toml */*/pyproject.toml "$kernels"/*.[ch] "$kernels/compile.py" | cksum) $root"
    stamp="$venv/.installed"
    if [ -x "$PYTHON" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    echo "Installing Python packages into ${venv#"$root"/} (first run, or the lock file changed) ..." >&2
    rm -f "$stamp"
    if ! "$PYTHON" -c '' 2>/dev/null; then
        base="$(find_python)" || return 1
        rm -rf "$venv"
        "$base" -m venv "$venv" || return 1
    fi
    "$PYTHON" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r "$root/scripts/uv.txt" || return 1
    sync_environment --inexact --only-group build || return 1
    sync_environment --inexact --group build --no-build-isolation --reinstall-package medquorum-verifier || return 1
    sync_environment --no-build-isolation --compile-bytecode || return 1
    [ -e "$kernels/medquorum-avx2.so" ] || [ "$(uname -m)" != x86_64 ] ||
        echo "The kernels were not compiled; encrypted verification will be slower." >&2
    echo "$wanted" >"$stamp"
}

started=$SECONDS
install_environment || { echo "The environment could not be installed; see the messages above." >&2; exit 1; }
# Exported for the quickstart's report.
export INSTALL_SECONDS=$((SECONDS - started))
export PATH="$venv/bin:$PATH"
# A run starts dozens of Python processes: each would compile every module anew. One thread each, two cores are shared.
unset PYTHONDONTWRITEBYTECODE
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" OPENBLAS_NUM_THREADS="${OPENBLAS_NUM_THREADS:-1}"
cd "$root" || exit 1
