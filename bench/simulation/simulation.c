/*-------------------------------------------------------------------------
 *
 * simulation.c
 *	  The scoring policies under traffic: what users would have seen, and
 *	  whether that is good enough.
 *
 * The policies are those of the extension (extension/policy*.c), beside two
 * that are not: `fixed` always begins with the operator's first choice, `bare`
 * is the additive rule without anything around it, every report counted.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "traffic.h"

static const char *const scenario_names[] = {
	"stable", "outage30", "slowdeg", "flap", "symnat",
	"coldwrong", "poison", "sybil", "bothdown10"};

static const char *const policy_names[] = {
	"fixed", "bare", "additive", "additive+checks",
	"adaptive", "adaptive+checks", "adaptive+scope"};

/*
 * Figures
 */
static int
compare_doubles(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	return (x > y) - (x < y);
}

/* Of all runs: those that never did count as never. */
static double
percentile(double *seconds, int n, int runs, double share)
{
	int place = (int) (share * runs);

	qsort(seconds, (size_t) n, sizeof(double), compare_doubles);
	return place < n ? seconds[place] : INFINITY;
}

static double
detection(const Figures *f, double share)
{
	return percentile(f->detected, f->ndetected, f->runs, share);
}

static double
comeback(const Figures *f, double share)
{
	return percentile(f->returned, f->nreturned, f->runs, share);
}

static double
first_try(const Figures *f)
{
	return 100.0 * (double) f->first_tries / (double) f->sessions;
}

static double
regret(const Figures *f)
{
	return 1000 * f->regret / (double) f->sessions;
}

static double
abandoned(const Figures *f)
{
	return 100.0 * (double) f->abandoned / (double) f->sessions;
}

static double
switches(const Figures *f)
{
	return (double) f->switches / (double) f->sessions;
}

static void
print_seconds(double middle, double late)
{
	if (isinf(middle))
		printf("  %6s", "-");
	else
		printf("  %6.0f", middle);
	if (isinf(late))
		printf(" %6s", "(-)");
	else
		printf(" (%4.0f)", late);
}

static void
print_header(int seeds, double per_minute)
{
	printf("%d seeds, %g sessions/min\n\n", seeds, per_minute);
	printf("%-11s %-16s %7s %7s %7s %7s  %-13s  %-13s\n", "scenario", "policy",
		   "first %", "regret", "aband %", "switch", "detect s (90)", "return s (90)");
}

static void
print_row(Scenario scenario, Policy policy, const Figures *f)
{
	printf("%-11s %-16s %7.2f %7.1f %7.3f %7.3f", scenario_names[scenario],
		   policy_names[policy], first_try(f), regret(f), abandoned(f), switches(f));
	if (scenario == OUTAGE30)
	{
		print_seconds(detection(f, 0.5), detection(f, 0.9));
		print_seconds(comeback(f, 0.5), comeback(f, 0.9));
	}
	printf("\n");
	fflush(stdout);
}

/*
 * Targets
 */
static int not_met;

/*
 * Runs differ by chance: a figure that misses its target by less than two
 * standard errors does not show that the target is missed.
 */
static void
target(const char *what, double seen, double error, bool at_least, double wanted)
{
	double		missing = at_least ? wanted - seen : seen - wanted;
	const char *answer = "met";

	if (missing > 2 * error)
	{
		answer = "NOT MET";
		not_met++;
	}
	else if (missing > 0)
		answer = "missed within the error";

	printf("%-46s %8.3f", what, seen);
	if (error > 0)
		printf(" +- %.3f", error);
	else
		printf("%9s", "");
	printf("  %s %7.3f  %s\n", at_least ? ">=" : "<=", wanted, answer);
}

static void
first_try_target(const char *what, const Figures *f, double wanted)
{
	double mean = f->share_sum / f->runs;
	double variance = fmax(0, f->share_squares / f->runs - mean * mean);

	target(what, first_try(f), 100 * sqrt(variance / f->runs), true, wanted);
}

/* Everything else is compared as it is. */
static void
at_most_target(const char *what, double seen, double wanted)
{
	target(what, seen, 0, false, wanted);
}

static double
most_abandoned(Figures cells[SCENARIOS][POLICIES], Policy policy)
{
	double most = 0;

	for (int s = 0; s < SCENARIOS; s++)
	{
		if (s != BOTHDOWN)
			most = fmax(most, abandoned(&cells[s][policy]));
	}
	return most;
}

static long
all_broken(Figures cells[SCENARIOS][POLICIES])
{
	long broken = 0;

	for (int s = 0; s < SCENARIOS; s++)
		for (int p = 0; p < POLICIES; p++)
			broken += cells[s][p].broken;
	return broken;
}

static void
additive_targets(Figures cells[SCENARIOS][POLICIES])
{
	Figures *outage = &cells[OUTAGE30][ADDITIVE];

	first_try_target("additive: stable, first try %", &cells[STABLE][ADDITIVE], 97.0);
	first_try_target("additive: outage30, first try %", outage, 95.5);
	at_most_target("additive: outage30, return p50 s", comeback(outage, 0.5), 600);
	first_try_target("additive: sybil, first try %", &cells[SYBIL][ADDITIVE], 97.0);
	at_most_target("additive: abandoned %, worst but bothdown10",
				   most_abandoned(cells, ADDITIVE), 0.05);
}

static void
adaptive_targets(Figures cells[SCENARIOS][POLICIES])
{
	Figures *outage = &cells[OUTAGE30][ADAPTIVE];
	Figures *checked = &cells[OUTAGE30][ADAPTIVE_CHECKED];

	first_try_target("adaptive: stable, first try %", &cells[STABLE][ADAPTIVE], 97.8);
	at_most_target("adaptive: stable, regret", regret(&cells[STABLE][ADAPTIVE]), 0.5);
	first_try_target("adaptive: outage30, first try %", outage, 96.3);
	at_most_target("adaptive: outage30, return p50 s", comeback(outage, 0.5), 500);
	at_most_target("adaptive: outage30, detection p50 s", detection(outage, 0.5), 45);
	at_most_target("adaptive: outage30, detection p90 s", detection(outage, 0.9), 90);
	at_most_target("adaptive: outage30, switches per session", switches(outage), 0.13);
	first_try_target("adaptive+checks: outage30, first try %", checked, 96.9);
	at_most_target("adaptive+checks: outage30, return p50 s", comeback(checked, 0.5), 90);
	first_try_target("adaptive: flap, first try %", &cells[FLAP][ADAPTIVE], 94.4);
	first_try_target("adaptive+scope: symnat, first try %",
					 &cells[SYMNAT][ADAPTIVE_SCOPED], 96.0);
	first_try_target("adaptive: coldwrong, first try %", &cells[COLDWRONG][ADAPTIVE], 96.2);
	first_try_target("adaptive: poison, first try %", &cells[POISONED][ADAPTIVE], 97.7);
	first_try_target("adaptive: sybil, first try %", &cells[SYBIL][ADAPTIVE], 97.5);
	at_most_target("adaptive: abandoned %, worst but bothdown10",
				   most_abandoned(cells, ADAPTIVE), 0.05);
}

static void
busy_target(int seeds)
{
	Figures busy = traffic_run(OUTAGE30, ADAPTIVE, 20, seeds);

	at_most_target("adaptive: outage30 at 20/min, detection p50 s",
				   detection(&busy, 0.5), 5);
	free(busy.detected);
	free(busy.returned);
}

static void
free_cells(Figures cells[SCENARIOS][POLICIES])
{
	for (int s = 0; s < SCENARIOS; s++)
	{
		for (int p = 0; p < POLICIES; p++)
		{
			free(cells[s][p].detected);
			free(cells[s][p].returned);
		}
	}
}

/* The index of a name, or -1. */
static int
find_name(const char *name, const char *const *names, int count)
{
	for (int i = 0; i < count; i++)
	{
		if (strcmp(name, names[i]) == 0)
			return i;
	}
	return -1;
}

static void
usage(void)
{
	fprintf(stderr,
			"usage: simulation [-n SEEDS] [-r SESSIONS_PER_MINUTE] [-s SCENARIO] [-p POLICY]\n"
			"Without -r, -s and -p the targets are checked as well.\n");
	exit(2);
}

/* Anything that is no positive number ends the program. */
static double
positive(const char *text)
{
	char  *end;
	double number = strtod(text, &end);

	if (end == text || *end != '\0' || !(number > 0) || number > 1e6)
		usage();
	return number;
}

int
main(int argc, char **argv)
{
	static Figures cells[SCENARIOS][POLICIES];
	int			   seeds = 400;
	double		   per_minute = 2;
	int			   only_scenario = -1;
	int			   only_policy = -1;
	bool		   has_targets = true;
	int			   option;

	while ((option = getopt(argc, argv, "n:r:s:p:")) != -1)
	{
		has_targets = has_targets && option == 'n';
		if (option == 'n')
			seeds = (int) positive(optarg);
		else if (option == 'r')
			per_minute = positive(optarg);
		else if (option == 's')
			only_scenario = find_name(optarg, scenario_names, SCENARIOS);
		else if (option == 'p')
			only_policy = find_name(optarg, policy_names, POLICIES);
		if ((option == 's' && only_scenario < 0) || (option == 'p' && only_policy < 0) ||
			option == '?')
			usage();
	}
	if (seeds < 1 || optind != argc)
		usage();

	print_header(seeds, per_minute);
	for (int s = 0; s < SCENARIOS; s++)
	{
		for (int p = 0; p < POLICIES; p++)
		{
			if ((only_scenario >= 0 && s != only_scenario) ||
				(only_policy >= 0 && p != only_policy))
				continue;
			cells[s][p] = traffic_run((Scenario) s, (Policy) p, per_minute, seeds);
			print_row((Scenario) s, (Policy) p, &cells[s][p]);
		}
	}

	printf("\n");
	at_most_target("choices that must not be", (double) all_broken(cells), 0);
	if (has_targets)
	{
		additive_targets(cells);
		adaptive_targets(cells);
		busy_target(seeds);
	}
	free_cells(cells);
	return not_met == 0 ? 0 : 1;
}
