/*-------------------------------------------------------------------------
 *
 * policy.h
 *	  Which provider the next session gets, learnt from what befell earlier
 *	  ones.
 *
 * Pure C: no allocation, no I/O, no clock, no globals.  Time is passed in as
 * seconds from any fixed point; state is of fixed size and belongs to the
 * caller, who also serialises access to it.
 *
 * An arm is one provider within one scope (all sessions, or those of one kind
 * of network).  Two rules score an arm; both are always kept up to date, so
 * that the setting can change at any time:
 *
 *	additive	points for a success, points off for a failure, 0..100; the
 *				highest wins; points drift back to the base score
 *	adaptive	an estimated failure rate; the operator's order wins unless it
 *				is clearly worse
 *
 * Around both stands one breaker for each arm (policy_breaker.h), so that a
 * dead provider is left soon, tried again by single sessions, and never by
 * more than one at a time.  There is no open breaker without a timer and no
 * choice without an answer.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_POLICY_H
#define HARTHIO_POLICY_H

#include <stdbool.h>
#include <stdint.h>

typedef enum PolicyRule
{
	POLICY_ADDITIVE,
	POLICY_ADAPTIVE
} PolicyRule;

typedef struct PolicySettings
{
	PolicyRule rule;

	/* additive */
	double success_points;	/* added by a successful verdict */
	double failure_points;	/* taken by a failed one */
	double drift_half_life; /* seconds in which half of the way to the base is gone */
	double drift_sessions;	/* but no fewer sessions than this */

	/* adaptive */
	double half_life;		   /* seconds in which evidence loses half of its weight */
	double half_life_sessions; /* but no fewer sessions than this */
	double half_life_max;	   /* and never more seconds than this */
	double prior_weight;	   /* outcomes that the base score is worth */
	double margin;			   /* points by which another must be better */
	int	   trial_verdicts;	   /* verdicts before the margin is looked at */
	int	   trial_failures;	   /* failures among them */
	double demote_base;		   /* seconds out after losing by the margin, doubled each time */
	double demote_sessions;	   /* but no fewer sessions than this */
	double demote_max;		   /* and never more seconds than this */
	double min_evidence;	   /* outcomes before min_score opens the breaker */

	/* both */
	double min_score;		   /* below it only when nothing else is left */
	int	   consecutive;		   /* failures in a row, of different reporters, that open */
	double min_weight;		   /* verdicts of less weight leave the breaker alone */
	double eject_base;		   /* seconds out after opening, doubled each time */
	double eject_sessions;	   /* but no fewer sessions than this */
	double eject_max;		   /* never more seconds than this */
	double eject_max_sessions; /* unless they are fewer sessions than this */
	double eject_abs_max;	   /* and in no case more seconds than this */
	double jitter;			   /* share of the time out that is added at random */
	double forgive;			   /* seconds closed that undo one doubling */
	int	   probes;			   /* successful probes that close */
	int	   probes_max;		   /* with one more for each opening, up to this */
	double probe_lease;		   /* seconds after which a silent probe is given up */
	double kept_failures;	   /* evidence of failure that survives closing */
	double rate_half_life;	   /* seconds, of the estimated arrival rate */
	double scope_evidence;	   /* outcomes before a scope stops following its parent */
	int	   checks_bad;		   /* failed health checks in a row that open */
	int	   checks_good;		   /* good ones in a row after a failed one that end the time out */
	double check_ttl;		   /* seconds for which a health check says anything */
} PolicySettings;

typedef struct PolicyScope
{
	double arrivals;		/* sessions, decayed with rate_half_life */
	double arrivals_at;		/* when that was true */
	double first_at;		/* first arrival; undefined while arrivals is 0 */
	double half_life;		/* of evidence, at this scope's traffic */
	double drift_half_life; /* of points, at this scope's traffic */
} PolicyScope;

typedef enum BreakerState
{
	BREAKER_CLOSED, /* in use */
	BREAKER_OPEN,	/* left alone until open_until */
	BREAKER_HALF	/* one probe at a time */
} BreakerState;

typedef enum BreakerReason
{
	BREAKER_NEVER, /* has not been open */
	BREAKER_HARD,  /* failures in a row, score below the minimum, health checks */
	BREAKER_MARGIN /* works, but another one is clearly better */
} BreakerReason;

typedef struct PolicyArm
{
	double		  prior;		 /* score without evidence: the base, or the parent scope's */
	double		  points;		 /* additive score at updated_at */
	double		  successes;	 /* evidence, decayed, at updated_at */
	double		  failures;		 /* likewise */
	double		  updated_at;	 /* when points, successes and failures were true */
	double		  open_until;	 /* end of the time out; meaningful while open */
	double		  closed_at;	 /* when the breaker last closed */
	double		  lease_until;	 /* end of the probe's lease; meaningful with a probe */
	double		  checked_at;	 /* last health check; meaningful if either count is > 0 */
	uint64_t	  last_reporter; /* of the last failure in a row; 0 unknown */
	uint64_t	  probe;		 /* session that is the probe; 0 none */
	BreakerState  state;		 /* zeroed memory is closed */
	BreakerReason reason;		 /* why it was last open */
	int			  consecutive;	 /* failures in a row of different reporters */
	int			  ejections;	 /* openings that are not forgiven */
	int			  demotions;	 /* openings by the margin */
	int			  verdicts;		 /* since the breaker last closed */
	int			  failed;		 /* failures among them */
	int			  probes_ok;	 /* successful probes since it is half open */
	int			  checks_good;	 /* good health checks in a row */
	int			  checks_bad;	 /* failed ones in a row */
	bool		  checks_agree;	 /* since it opened, or just before, one failed */
} PolicyArm;

/* What speaks for and against a provider in one session. */
typedef struct PolicyCandidate
{
	PolicyArm *arm;
	int		   failures;   /* epochs of this session that failed on it */
	bool	   is_current; /* where the session is; a switch leads elsewhere */
} PolicyCandidate;

typedef enum PolicyKind
{
	POLICY_NORMAL, /* as the rule says */
	POLICY_PROBE,  /* the one session that tries a half open arm */
	POLICY_RETRY,  /* failed here, but all others are known to be worse */
	POLICY_PANIC   /* nothing is usable, and something must be chosen */
} PolicyKind;

typedef struct PolicyChoice
{
	int		   index; /* into the candidates; -1 only if there are none */
	PolicyKind kind;
} PolicyChoice;

/* What a session-epoch says about its provider, once of each kind. */
typedef struct PolicyVerdict
{
	bool	 success;
	double	 weight;   /* 1, or what the reporter's failure budget leaves of it */
	uint64_t reporter; /* hash of who decided it; 0 unknown */
	uint64_t session;  /* hash of the session, as given to policy_choose */
} PolicyVerdict;

extern void policy_default_settings(PolicySettings *settings, PolicyRule rule);
extern void policy_scope_init(PolicyScope *scope, const PolicySettings *settings);
extern void policy_arm_init(PolicyArm *arm, double prior, double now);

/* The operator changed the base score; what was learnt is kept on top of it. */
extern void policy_set_prior(PolicyArm *arm, const PolicyScope *scope,
							 double prior, double now);

/*
 * A scope that has seen little follows its parent: take the parent's score as
 * prior.  To be called before the arm is chosen from or shown.
 */
extern void policy_inherit(const PolicySettings *settings,
						   const PolicyScope *scope, PolicyArm *arm,
						   const PolicyScope *parent_scope, const PolicyArm *parent,
						   double now);

/* A session began.  Once for each: times out are counted in sessions. */
extern void policy_arrival(const PolicySettings *settings, PolicyScope *scope, double now);

/* Estimated sessions per second; 0 while nothing is known. */
extern double policy_rate(const PolicySettings *settings, const PolicyScope *scope,
						  double now);

/* 0..100 */
extern double policy_score(const PolicySettings *settings, const PolicyScope *scope,
						   const PolicyArm *arm, double now);

/*
 * Candidates are in the operator's order of priority.  session is a hash that
 * is not 0.  A probe takes its arm's lease; asked again, the same session gets
 * the same probe.
 */
extern PolicyChoice policy_choose(const PolicySettings *settings, const PolicyScope *scope,
								  const PolicyCandidate *candidates, int count,
								  uint64_t session, double now);

/* One participant's report: evidence of the given weight (guard_weight()). */
extern void policy_report(const PolicyScope *scope, PolicyArm *arm,
						  bool success, double weight, double now);

/* The verdict moves points and breaker; evidence comes from the reports. */
extern void policy_verdict(const PolicySettings *settings, const PolicyScope *scope,
						   PolicyArm *arm, const PolicyVerdict *verdict, double now);

/* A health check from outside, which costs no session anything. */
extern void policy_check(const PolicySettings *settings, const PolicyScope *scope,
						 PolicyArm *arm, bool success, double now);

#endif /* HARTHIO_POLICY_H */
