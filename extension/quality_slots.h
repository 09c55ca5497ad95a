/*-------------------------------------------------------------------------
 *
 * quality_slots.h
 *	  The shared memory of quality_store.h: whose quality is known, and where.
 *
 * As many members have a slot as harthio.quality_slots says; when all are
 * taken, the one that was sampled longest ago goes.  A session is there as
 * long as one of its members is.
 *
 * A session counts those of its members who are fresh, which is to say sampled
 * recently and in its present era: a new epoch, that is another provider,
 * begins a new one.  So what a decision needs is there without a look at each.
 *
 * Whoever calls these functions holds the lock, exclusively but for finding.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_QUALITY_SLOTS_H
#define HARTHIO_QUALITY_SLOTS_H

#include "lib/ilist.h"
#include "storage/lwlock.h"

#include "quality_store.h"

/* Qualities are counted by the point, 0 to 100. */
#define QUALITY_POINTS 101

/* Not a rung: nothing was told yet. */
#define QUALITY_TOLD_NOTHING RUNGS

typedef struct QualitySession
{
	uint64		key; /* must be first */
	int			epoch;
	uint32		era;				  /* one for each change of epoch */
	int			members;			  /* that have a slot */
	int			needs[RUNGS];		  /* how many of them need which rung */
	int			told;				  /* Rung that clients know, or QUALITY_TOLD_NOTHING */
	int			fresh;				  /* how many of them are counted below */
	int			degraded;			  /* how many of these are that */
	int			have[QUALITY_POINTS]; /* how many of these have which quality */
	LadderPlace place;
} QualitySession;

typedef struct QualityMember
{
	QualityKey		key; /* must be first */
	QualitySession *session;
	dlist_node		node;	  /* of the slots, by time */
	bool			fresh;	  /* sampled recently */
	uint32			era;	  /* of its session, at the last sample */
	int				epoch;	  /* of its track */
	int				points;	  /* its quality, as it is counted */
	bool			degraded; /* likewise */
	QualityTrack	track;
	LadderMember	ladder;
	QualitySummary	summary;
} QualityMember;

extern void quality_lock(LWLockMode mode);
extern void quality_unlock(void);

/* A name's part of a key. */
extern uint64 quality_hash(const char *name);

/* NULL if there is none. */
extern QualitySession *quality_find_session(uint64 key);
extern QualityMember  *quality_find_member(const QualityKey *key);

/* A new one, in place of the oldest if need be, as of one who never reported. */
extern QualityMember *quality_add_member(const QualityKey *key, double now);
extern void			  quality_remove_member(QualityMember *member);

/* Is it sampled recently, and with the present provider? */
extern bool quality_is_counted(const QualityMember *member);

/* Take a member out of its session's counts, to change what is counted of it. */
extern void quality_uncount(const QualityMember *member);

/* Count it, as one who has just been sampled. */
extern void quality_count_fresh(QualityMember *member);

/* Whose last sample is too old by now is not counted any more. */
extern void quality_let_time_pass(double now);

extern Size quality_slots_shmem_size(void);
extern void quality_slots_shmem_init(LWLock *lock);

#endif /* HARTHIO_QUALITY_SLOTS_H */
