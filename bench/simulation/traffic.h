/*-------------------------------------------------------------------------
 *
 * traffic.h
 *	  Six hours of sessions under one policy, again and again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIMULATION_TRAFFIC_H
#define SIMULATION_TRAFFIC_H

typedef enum Scenario
{
	STABLE,
	OUTAGE30,
	SLOWDEG,
	FLAP,
	SYMNAT,
	COLDWRONG,
	POISONED,
	SYBIL,
	BOTHDOWN,
	SCENARIOS
} Scenario;

typedef enum Policy
{
	FIXED,
	BARE,
	ADDITIVE,
	ADDITIVE_CHECKED,
	ADAPTIVE,
	ADAPTIVE_CHECKED,
	ADAPTIVE_SCOPED,
	POLICIES
} Policy;

/* Of one cell of the table, over all seeds. */
typedef struct Figures
{
	long	sessions; /* honest ones */
	long	first_tries;
	double	share_sum;	   /* of first tries that connected, one share a run */
	double	share_squares; /* likewise, squared */
	long	abandoned;
	long	switches;
	double	regret;
	int		runs;
	int		ndetected;
	int		nreturned;
	double *detected; /* seconds, one for each run that did */
	double *returned;
	long	broken; /* choices that must not be */
} Figures;

extern Figures traffic_run(Scenario scenario, Policy policy, double per_minute, int seeds);

#endif /* SIMULATION_TRAFFIC_H */
