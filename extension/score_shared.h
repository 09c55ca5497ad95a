/*-------------------------------------------------------------------------
 *
 * score_shared.h
 *	  The shared memory of the scores, for the files score*.c.
 *
 * The lock protects everything but the lock pointer and the seed.  Providers
 * have a slot each, which is the index of their arm in every scope.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_SCORE_SHARED_H
#define HARTHIO_SCORE_SHARED_H

#include "policy_guards.h"
#include "score.h"

/* More providers than this can be rows, but keep their base score. */
#define SCORE_MAX_PROVIDERS 32

/* Of more scopes than this the one that was quiet for longest goes. */
#define SCORE_MAX_SCOPES 64

/* What the table lacks: changes, those written, those being written. */
typedef struct ScoreChanges
{
	uint64 made;
	uint64 written;
	uint64 writing;
} ScoreChanges;

typedef struct ScoreArm
{
	bool		 known;
	PolicyArm	 policy;
	int64		 successes; /* verdicts */
	int64		 failures;
	double		 last_success_at; /* 0: never */
	double		 last_failure_at;
	ScoreChanges changes;
} ScoreArm;

typedef struct ScoreScope
{
	bool		 used; /* the first one, for all sessions, always is */
	ScopeName	 name;
	double		 heard_at; /* last report */
	PolicyScope	 traffic;
	ScoreArm	 arms[SCORE_MAX_PROVIDERS];
	ScoreChanges changes; /* of the traffic */
} ScoreScope;

typedef struct ScoreProvider
{
	ProviderName name; /* "": free */
	double		 since;
	int64		 sessions; /* on it now; until they were counted, the difference */
	bool		 probed;
	bool		 probe_ok;
	int			 probe_latency_ms;
	double		 probed_at;
} ScoreProvider;

typedef struct SharedScores
{
	LWLock		 *lock;	 /* in the main tranche array, never changes */
	uint64		  seed;	 /* of score_hash(), never changes */
	Oid			  table; /* harthio.provider_score that was loaded */
	ScoreActivity activity;
	ScoreProvider providers[SCORE_MAX_PROVIDERS];
	ScoreScope	  scopes[SCORE_MAX_SCOPES];
	GuardBudgets  budgets;
} SharedScores;

extern SharedScores *scores;

/* Seconds since 1970. */
extern double	   score_clock(void);
extern TimestampTz score_timestamp(double seconds);

/* The policy and its settings, as they are set for this backend. */
extern void score_settings(PolicySettings *settings);

/* All sessions, those of a network, those of a network in a region. */
#define SCORE_SCOPE_LEVELS 3

/* The scope and those above it, from the highest down; returns how many. */
extern int score_scope_chain(const char *name, ScopeName chain[SCORE_SCOPE_LEVELS]);

/* The caller holds the lock; exclusively for those that add.  NULL: none. */
extern ScoreScope *score_find_scope(const char *name);
extern ScoreScope *score_add_scope(const char *name, double now);
extern int		   score_find_provider(const char *name); /* slot, or -1 */
extern int		   score_add_provider(const char *name, double now);

#endif /* HARTHIO_SCORE_SHARED_H */
