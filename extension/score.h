/*-------------------------------------------------------------------------
 *
 * score.h
 *	  What was learnt of the providers: live in shared memory.
 *
 * For each provider an arm of the policies (policy.h): once for all sessions,
 * and once for each scope, which is a kind of network and a region ("p2p-ok",
 * "symmetric/eu").  A scope that has seen little follows the one above it.
 *
 * What a transaction learns is noted (change_ring.h) and takes effect at its
 * commit.  The tables harthio.provider_score and harthio.scope are what a
 * restart finds; the publisher brings them up to date once a second.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_SCORE_H
#define HARTHIO_SCORE_H

#include "storage/lwlock.h"
#include "utils/timestamp.h"

#include "harthio.h"
#include "policy.h"

/* "" is all sessions; one above another is its part before the last "/". */
typedef char ScopeName[SCOPE_MAX + 1];
typedef char ProviderName[PROVIDER_MAX + 1];

typedef enum ScoreEvent
{
	SCORE_SESSION, /* one came to `provider`, or left `left`; "" is nowhere */
	SCORE_REPORT,  /* a participant's report that counts */
	SCORE_PROBE	   /* a health check from outside */
} ScoreEvent;

/* What a transaction learnt. */
typedef struct ScoreNote
{
	ScoreEvent	 event;
	ProviderName provider;
	ProviderName left;
	ScopeName	 scope;
	int			 base_score; /* for one that score_knows() nothing of */
	bool		 success;
	bool		 verdict;	 /* this report decides its epoch's verdict */
	int			 members;	 /* among whom the reporter is one */
	int			 latency_ms; /* of a health check; -1 unknown */
	uint64		 reporter;	 /* score_hash() of the participant */
	uint64		 session;	 /* score_hash() of the session */
} ScoreNote;

/* One that a session could go to, in the operator's order. */
typedef struct ScoreCandidate
{
	const char *provider;
	int			base_score;
	int			max_sessions; /* 0: no limit */
	int			failures;	  /* epochs of this session that failed on it */
	bool		is_current;	  /* where the session is */
} ScoreCandidate;

/* What is known of a provider in a scope. */
typedef struct ScoreReport
{
	ScopeName	 scope;
	ProviderName provider;
	double		 score;		/* 0..100, higher is better */
	double		 evidence;	/* outcomes, decayed, that it rests on */
	int64		 successes; /* verdicts, not reports */
	int64		 failures;
	TimestampTz	 last_success_at; /* of verdicts, or DT_NOBEGIN */
	TimestampTz	 last_failure_at;
	const char	*breaker; /* closed, open or half-open */
	const char	*reason;  /* why it was last opened, or NULL */
	TimestampTz	 open_until;
	int			 ejections;
	int64		 sessions; /* on it now */
	double		 sessions_per_minute;
	bool		 probed; /* the last health check says: */
	bool		 probe_ok;
	int			 probe_latency_ms;
	TimestampTz	 probed_at;
} ScoreReport;

/* Load what the tables have, unless that was done.  Needs SPI; comes first. */
extern void score_ensure_loaded(void);

/* Of a name; differs from one start of the server to the next. */
extern uint64 score_hash(const char *name);

/*
 * Choose for a session: an index into the candidates, or -1 if none has room.
 * *kind says how; see policy.h.
 */
extern int score_choose(const char *scope, const ScoreCandidate *candidates, int count,
						const char *session_id, PolicyKind *kind);

/* 0..100 */
extern double score_read(const char *scope, const char *provider, int base_score);

/* Is anything known of a provider? */
extern bool score_knows(const char *provider);

/* All that is known, in palloc'd memory; returns how many there are. */
extern int score_report(ScoreReport **reports);

/* 80-100 excellent, 60-79 good, 40-59 poor, 0-39 failed */
extern const char *score_band(double score);

/*
 * Let a note take effect.  Cannot fail: runs after commit.  Returns whether
 * this is the first thing that the tables do not have.
 */
extern bool score_apply(const ScoreNote *note);

/* What has happened since the server started. */
typedef struct ScoreActivity
{
	uint64 opened;					  /* sessions, also anew */
	uint64 switched;				  /* epochs that moved one */
	uint64 ended;					  /* sessions */
	uint64 choices[POLICY_PANIC + 1]; /* by PolicyKind */
} ScoreActivity;

extern void score_activity(ScoreActivity *activity);

/* Write what moved to the tables; needs a transaction and SPI. */
extern void score_checkpoint(void);
extern void score_checkpoint_committed(void);
extern bool score_checkpoint_due(void);

/* Count anew which provider has how many sessions; needs SPI. */
extern void score_recount_sessions(void);

/* There are no tables any more. */
extern void score_forget(void);

extern Size score_shmem_size(void);
extern void score_shmem_init(LWLock *lock);

#endif /* HARTHIO_SCORE_H */
