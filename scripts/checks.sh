# shellcheck shell=bash
# For scripts that check things one after another: source it, check, and end
# with `summary`.

passed=0
failed=0

pass() {
	echo "ok - $1"
	passed=$((passed + 1))
}

fail() {
	echo "not ok - $1"
	failed=$((failed + 1))
}

# check NAME COMMAND...: the command must succeed; if not, what it said is shown
check() {
	local name=$1 output
	shift
	if output=$("$@" 2>&1); then
		pass "$name"
	else
		[ -z "$output" ] || echo "$output"
		fail "$name"
	fi
}

# check_equal NAME GOT EXPECTED
check_equal() {
	if [ "$2" = "$3" ]; then
		pass "$1"
	else
		fail "$1: $2 instead of $3"
	fi
}

# the line that a runner counts; succeeds if nothing failed
summary() {
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ]
}
