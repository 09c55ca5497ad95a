/*-------------------------------------------------------------------------
 *
 * quality_slots.c
 *	  The shared memory of quality_store.h: whose quality is known, and where.
 *
 * The lock protects all of SharedQuality but its first two members, and both
 * hash tables.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "quality_slots.h"

#include "common/hashfn.h"
#include "storage/shmem.h"
#include "utils/hsearch.h"

#include "harthio.h"

typedef struct SharedQuality
{
	LWLock	  *lock; /* in the main tranche array, never changes */
	uint64	   seed; /* of the keys, so that nobody can make two alike; never changes */
	int		   members;
	dlist_head fresh; /* sampled recently, the longest ago first */
	dlist_head stale; /* not so recently, likewise */
} SharedQuality;

static SharedQuality *shared = NULL;
static HTAB			 *members = NULL;
static HTAB			 *sessions = NULL;

Size
quality_slots_shmem_size(void)
{
	Size size = MAXALIGN(sizeof(SharedQuality));

	size = add_size(size, hash_estimate_size(harthio_quality_slots, sizeof(QualityMember)));
	return add_size(size, hash_estimate_size(harthio_quality_slots, sizeof(QualitySession)));
}

static HTAB *
init_table(const char *name, Size key, Size entry)
{
	HASHCTL control = {.keysize = key, .entrysize = entry};

	return ShmemInitHash(name, harthio_quality_slots, harthio_quality_slots, &control,
						 HASH_ELEM | HASH_BLOBS | HASH_FIXED_SIZE);
}

void
quality_slots_shmem_init(LWLock *lock)
{
	bool found;

	shared = ShmemInitStruct("harthio quality", sizeof(SharedQuality), &found);
	if (!found)
	{
		MemSet(shared, 0, sizeof(SharedQuality));
		shared->lock = lock;
		if (!pg_strong_random(&shared->seed, sizeof(shared->seed)))
			elog(ERROR, "could not generate a random seed");
		dlist_init(&shared->fresh);
		dlist_init(&shared->stale);
	}
	members = init_table("harthio quality members", sizeof(QualityKey), sizeof(QualityMember));
	sessions = init_table("harthio quality sessions", sizeof(uint64), sizeof(QualitySession));
}

void
quality_lock(LWLockMode mode)
{
	LWLockAcquire(shared->lock, mode);
}

void
quality_unlock(void)
{
	LWLockRelease(shared->lock);
}

uint64
quality_hash(const char *name)
{
	return hash_bytes_extended((const unsigned char *) name, (int) strlen(name), shared->seed);
}

QualitySession *
quality_find_session(uint64 key)
{
	return hash_search(sessions, &key, HASH_FIND, NULL);
}

QualityMember *
quality_find_member(const QualityKey *key)
{
	return hash_search(members, key, HASH_FIND, NULL);
}

bool
quality_is_counted(const QualityMember *member)
{
	return member->fresh && member->era == member->session->era;
}

/* Count the member in its session (1), or no more (-1). */
static void
count(const QualityMember *member, int sign)
{
	QualitySession *session = member->session;

	if (!quality_is_counted(member))
		return;
	session->fresh += sign;
	session->degraded += sign * member->degraded;
	session->have[member->points] += sign;
}

static void
move_to(QualityMember *member, bool fresh)
{
	dlist_delete(&member->node);
	dlist_push_tail(fresh ? &shared->fresh : &shared->stale, &member->node);
	member->fresh = fresh;
}

void
quality_uncount(const QualityMember *member)
{
	count(member, -1);
}

void
quality_count_fresh(QualityMember *member)
{
	member->era = member->session->era;
	move_to(member, true);
	count(member, 1);
}

void
quality_remove_member(QualityMember *member)
{
	QualitySession *session = member->session;

	count(member, -1);
	dlist_delete(&member->node);
	session->needs[member->ladder.place.rung]--;
	if (--session->members == 0)
		hash_search(sessions, &session->key, HASH_REMOVE, NULL);
	hash_search(members, &member->key, HASH_REMOVE, NULL);
	shared->members--;
}

/* Each sample makes one fresh, so this has little to do on the whole. */
void
quality_let_time_pass(double now)
{
	while (!dlist_is_empty(&shared->fresh))
	{
		QualityMember *oldest = dlist_head_element(QualityMember, node, &shared->fresh);

		if (now - oldest->track.sampled_at <= QUALITY_STALE_SECONDS)
			break;
		count(oldest, -1);
		move_to(oldest, false);
	}
}

static void
make_room(void)
{
	dlist_head *oldest = dlist_is_empty(&shared->stale) ? &shared->fresh : &shared->stale;

	if (shared->members >= harthio_quality_slots)
		quality_remove_member(dlist_head_element(QualityMember, node, oldest));
}

static QualitySession *
enter_session(uint64 key, double now)
{
	bool			found;
	QualitySession *session = hash_search(sessions, &key, HASH_ENTER, &found);

	if (!found)
	{
		MemSet((char *) session + sizeof(key), 0, sizeof(QualitySession) - sizeof(key));
		session->told = QUALITY_TOLD_NOTHING;
		ladder_session_init(&session->place, now);
	}
	return session;
}

QualityMember *
quality_add_member(const QualityKey *key, double now)
{
	QualitySession *session;
	QualityMember  *member;

	make_room();
	session = enter_session(key->session, now);
	member = hash_search(members, key, HASH_ENTER, NULL);
	MemSet((char *) member + sizeof(*key), 0, sizeof(QualityMember) - sizeof(*key));
	member->session = session;
	ladder_member_init(&member->ladder, now);
	dlist_push_tail(&shared->stale, &member->node);
	session->needs[member->ladder.place.rung]++;
	session->members++;
	shared->members++;
	return member;
}
