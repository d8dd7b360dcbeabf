# Sourced by the other scripts.

# skipped CHECK WHY: says that a check didn't run. On GitHub, where every tool is installed before, that is a failure.
skipped() {
  echo "== SKIPPED: $1: $2" >&2
  [ -z "${GITHUB_ACTIONS:-}" ]
}
