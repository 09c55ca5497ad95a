/*-------------------------------------------------------------------------
 *
 * harthio.c
 *	  Entry of the extension: settings, shared memory, the background workers.
 *
 * Everything that must exist before the first backend is arranged here, so
 * the library has to be in shared_preload_libraries.  Loaded in any other
 * way it does nothing, and each of its functions says what is missing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "harthio.h"

#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "change_ring.h"
#include "publisher.h"
#include "quality_notes.h"
#include "quality_slots.h"
#include "score.h"
#include "sightings.h"
#include "sweeper.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(harthio_protocol_version);

void _PG_init(void);

/* Name of our LWLock tranche, and who uses which lock of it. */
#define TRANCHE "harthio"
enum
{
	LOCK_CHANGE_RING,
	LOCK_SCORES,
	LOCK_QUALITY,
	LOCK_COUNT
};

char *harthio_database = NULL;
char *harthio_authorize_function = NULL;
int	  harthio_policy = POLICY_ADDITIVE;
int	  harthio_score_half_life = -1;
int	  harthio_success_points = 5;
int	  harthio_failure_points = 15;
int	  harthio_min_score = 40;
int	  harthio_max_participants = 0;
int	  harthio_ring_size = 16384;
int	  harthio_leave_grace = 30;
int	  harthio_session_ttl = 300;
int	  harthio_retention = 30 * SECS_PER_DAY;
int	  harthio_sweep_interval = 5;

int	   harthio_switch_threshold = 20;
int	   harthio_quality_slots = 10000;
double harthio_clock_offset = 0;

static const struct config_enum_entry policies[] = {
	{"additive", POLICY_ADDITIVE, false},
	{"adaptive", POLICY_ADAPTIVE, false},
	{NULL, 0, false},
};

static shmem_request_hook_type previous_shmem_request = NULL;
static shmem_startup_hook_type previous_shmem_startup = NULL;

/* When participants leave and sessions end by themselves. */
static void
define_lifecycle_settings(void)
{
	DefineCustomIntVariable("harthio.leave_grace",
							"Time after which a participant who is attached at no notifier has left.",
							"A reload, or a change of networks, within this time goes unnoticed.",
							&harthio_leave_grace, 30, 1, SECS_PER_DAY,
							PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("harthio.session_ttl",
							"Time after which a session ends that everybody has left.",
							"0 means never.",
							&harthio_session_ttl, 300, 0, INT_MAX,
							PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("harthio.retention",
							"Time for which ended sessions and old outcomes are kept.",
							"0 means for ever.",
							&harthio_retention, 30 * SECS_PER_DAY, 0, INT_MAX,
							PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("harthio.sweep_interval",
							"Time between two rounds of the sweeper.",
							NULL,
							&harthio_sweep_interval, 5, 1, SECS_PER_DAY,
							PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
}

static void
define_quality_settings(void)
{
	DefineCustomIntVariable("harthio.switch_threshold",
							"Points by which another provider must be better to move a session of bad quality to it.",
							"Better than the lower of the present provider's score and the session's quality.",
							&harthio_switch_threshold, 20, 0, 100,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("harthio.quality_slots",
							"Participants whose quality can be measured at a time.",
							"When there are more, the one that was sampled longest ago is forgotten.",
							&harthio_quality_slots, 10000, 16, 1048576,
							PGC_POSTMASTER, 0, NULL, NULL, NULL);

	/* for tests, which cannot wait */
	DefineCustomRealVariable("harthio.clock_offset",
							 "Seconds by which quality reports are taken to be later than they are.",
							 NULL,
							 &harthio_clock_offset, 0, 0, 1e9,
							 PGC_SUSET, GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE,
							 NULL, NULL, NULL);
}

static void
define_settings(void)
{
	DefineCustomStringVariable("harthio.database",
							   "Database that has the extension and its sessions.",
							   "The publisher connects to it. One database per server has Harthio.",
							   &harthio_database, "postgres",
							   PGC_POSTMASTER, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("harthio.authorize_function",
							   "Function (session_id text, participant_id text) returns boolean that says who may join.",
							   "Named with its schema; runs with the caller's claims and role. Empty: any authenticated caller may.",
							   &harthio_authorize_function, "",
							   PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable("harthio.policy",
							 "How providers are scored and chosen.",
							 "additive: points for a success, points off for a failure. adaptive: an estimated failure rate; the operator's priority wins unless it is clearly worse.",
							 &harthio_policy, POLICY_ADDITIVE, policies,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("harthio.score_half_life",
							"Time in which half of what was learnt is forgotten.",
							"But never faster than a number of sessions (15 additive, 20 adaptive). -1: 450 s for additive, 1800 s for adaptive. 0: nothing is forgotten.",
							&harthio_score_half_life, -1, -1, 604800,
							PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("harthio.success_points",
							"Points by which a success verdict raises a provider's score.",
							NULL,
							&harthio_success_points, 5, 0, 100,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("harthio.failure_points",
							"Points by which a failure verdict lowers a provider's score.",
							NULL,
							&harthio_failure_points, 15, 0, 100,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("harthio.min_score",
							"Score below which a provider is chosen only when nothing else is left.",
							NULL,
							&harthio_min_score, 40, 0, 100,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("harthio.max_participants",
							"Largest number of participants present in one session at a time.",
							"0 means no limit. With a limit, joins of one session take turns.",
							&harthio_max_participants, 0, 0, 100000,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("harthio.ring_size",
							"Changed sessions that can wait in shared memory for the publisher.",
							"When they do not fit, notifiers are told to take snapshots; nothing is lost.",
							&harthio_ring_size, 16384, 16, 1048576,
							PGC_POSTMASTER, 0, NULL, NULL, NULL);
	define_lifecycle_settings();
	define_quality_settings();
	MarkGUCPrefixReserved("harthio");
}

static void
shmem_request(void)
{
	if (previous_shmem_request)
		previous_shmem_request();

	RequestAddinShmemSpace(change_ring_shmem_size());
	RequestAddinShmemSpace(score_shmem_size());
	RequestAddinShmemSpace(sightings_shmem_size());
	RequestAddinShmemSpace(sweeper_shmem_size());
	RequestAddinShmemSpace(quality_slots_shmem_size());
	RequestNamedLWLockTranche(TRANCHE, LOCK_COUNT);
}

static void
shmem_startup(void)
{
	LWLockPadded *locks;

	if (previous_shmem_startup)
		previous_shmem_startup();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	locks = GetNamedLWLockTranche(TRANCHE);
	change_ring_shmem_init(&locks[LOCK_CHANGE_RING].lock);
	score_shmem_init(&locks[LOCK_SCORES].lock);
	sightings_shmem_init();
	sweeper_shmem_init();
	quality_slots_shmem_init(&locks[LOCK_QUALITY].lock);
	LWLockRelease(AddinShmemInitLock);
}

void
_PG_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;

	define_settings();

	previous_shmem_request = shmem_request_hook;
	shmem_request_hook = shmem_request;
	previous_shmem_startup = shmem_startup_hook;
	shmem_startup_hook = shmem_startup;

	change_ring_watch_transactions();
	quality_notes_watch_transactions();
	publisher_register();
	sweeper_register();
}

void
harthio_require_ready(void)
{
	static bool ready = false; /* true is for the life of the backend */

	if (ready)
		return;

	if (!change_ring_attached())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("harthio is not preloaded"),
				 errdetail("Its shared memory and its publisher exist only when the library is loaded at server start."),
				 errhint("Add \"harthio\" to shared_preload_libraries and restart the server.")));

	if (strcmp(get_database_name(MyDatabaseId), harthio_database) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("harthio serves another database of this server"),
				 errdetail("This is database \"%s\", but harthio.database is \"%s\".",
						   get_database_name(MyDatabaseId), harthio_database),
				 errhint("Connect to that database, or set harthio.database and restart the server.")));

	ready = true;
}

void
harthio_serialization_failure(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not serialize access due to concurrent change of the session"),
			 errdetail("Another transaction changed it after this transaction's snapshot was taken."),
			 errhint("The transaction might succeed if retried.")));
}

int
harthio_generation(void)
{
	TimeLineID timeline;

	if (RecoveryInProgress())
		GetXLogReplayRecPtr(&timeline);
	else
		timeline = GetWALInsertionTimeLine();

	return (int) timeline;
}

/*
 * The install script calls this to refuse an unfit server at once; notifiers
 * call it to find out whether they speak the same language.
 */
Datum
harthio_protocol_version(PG_FUNCTION_ARGS)
{
	harthio_require_ready();
	PG_RETURN_INT32(HARTHIO_PROTOCOL_VERSION);
}
