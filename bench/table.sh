# shellcheck shell=bash disable=SC2154 # see below
# What the benchmarks of bench/*/run share: samples, their medians, and a table of
# what was compared.  Whoever reads this has set work, seconds, rounds and strict.

# the samples of a name are the lines of a file
sample() { echo "$2" >>"$work/sample.$1"; }
median() { sort -g "$work/sample.$1" | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }

missed=0
# row WHAT VALUE BASELINE COMPARISON TARGET: one line of the table; what is
# compared with the target is the ratio of the two
row() {
	local line
	line=$(awk -v what="$1" -v value="$2" -v baseline="$3" -v comparison="$4" -v target="$5" 'BEGIN {
		ratio = baseline > 0 ? value / baseline : 0
		met = comparison == "-" ? 1 : comparison == ">=" ? ratio >= target : ratio <= target
		printf "| %-50s | %9.6g | %9.6g | %5.2f | %-8s | %-7s |", what, value, baseline, ratio,
			comparison == "-" ? "" : comparison " " target, comparison == "-" ? "" : met ? "met" : "not met"
	}')
	echo "$line"
	[[ $line != *"not met"* ]] || missed=$((missed + 1))
}

# what was measured, and the head of the table
begin_table() {
	local load
	read -r load _ </proc/loadavg
	echo "load average $load on $(nproc) cores; $seconds s a measurement, medians of $rounds"
	if awk -v load="$load" 'BEGIN { exit !(load > 1) }'; then
		echo "warning: the machine is busy, and the figures will be off" >&2
	fi
	echo
	printf '| %-50s | %9s | %9s | %5s | %-8s | %-7s |\n' "" "ours" "baseline" "ratio" "target" ""
	echo "|---|--:|--:|--:|---|---|"
}

# fails if that was asked for and a target is not met
end_table() {
	echo
	echo "targets not met: $missed"
	[ "$strict" = 0 ] || [ "$missed" = 0 ]
}
