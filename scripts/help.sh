# SPDX-License-Identifier: Apache-2.0
# Sourced by the other scripts: tells whether --help is asked for, which is answered without an environment.

asks_help() {
    local word
    for word in "$@"; do
        case "$word" in -h | --help) return 0 ;; esac
    done
    return 1
}
