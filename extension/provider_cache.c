/*-------------------------------------------------------------------------
 *
 * provider_cache.c
 *	  The rows of harthio.provider, kept by each backend.
 *
 * They are a few, change rarely, and each claim needs them all.  A trigger has
 * whoever changes one invalidate the table as if its definition had changed:
 * then every backend reads it anew, at the latest when its next transaction
 * starts, and the one that made the change as soon as it can see it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "provider.h"

#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/inval.h"
#include "utils/memutils.h"

#include "row.h"

PG_FUNCTION_INFO_V1(harthio_provider_changed);

/* A few providers fit into that; more take as much again. */
#define CACHE_BYTES ((Size) 8192)

static List			*cached = NIL;
static MemoryContext cache_context = NULL; /* of what is cached */
static Oid			 cached_table;		   /* that it was read from */
static uint64		 changes = 0;		   /* of which this backend has heard */
static uint64		 cached_changes = 0;   /* those that are in the cache; 0: it is empty */

static void
note_change(Datum arg, Oid table)
{
	if (table == cached_table || !OidIsValid(table))
		changes++;
}

static Provider *
read_provider(TupleTableSlot *row)
{
	Provider *provider = palloc0(sizeof(Provider));
	bool	  isnull;

	provider->name = row_text(row, PROVIDER_NAME);
	provider->base_score = DatumGetInt32(row_value(row, PROVIDER_BASE_SCORE, &isnull));
	provider->room_template = row_text(row, PROVIDER_ROOM_TEMPLATE);
	provider->priority = DatumGetInt32(row_value(row, PROVIDER_PRIORITY, &isnull));
	provider->enabled = DatumGetBool(row_value(row, PROVIDER_ENABLED, &isnull));
	provider->max_sessions = DatumGetInt32(row_value(row, PROVIDER_MAX_SESSIONS, &isnull));
	if (isnull)
		provider->max_sessions = 0;
	return provider;
}

/* The operator's order, which decides between equals. */
static int
by_priority(const ListCell *a, const ListCell *b)
{
	const Provider *p = lfirst(a);
	const Provider *q = lfirst(b);

	if (p->priority != q->priority)
		return p->priority < q->priority ? -1 : 1;
	return strcmp(p->name, q->name);
}

static void
prepare_cache(void)
{
	if (cache_context != NULL)
		return;
	cache_context = AllocSetContextCreate(CacheMemoryContext, "harthio providers", 0, CACHE_BYTES, CACHE_BYTES);
	CacheRegisterRelcacheCallback(note_change, (Datum) 0);
	changes = 1;
}

/* Read what is committed now: it outlives this transaction's snapshot. */
static void
fill_cache(void)
{
	Relation		table = row_open(TABLE_PROVIDER, AccessShareLock);
	uint64			changes_before;
	RowScan			scan;
	TupleTableSlot *row;
	MemoryContext	caller;

	prepare_cache();
	cached_changes = 0;
	cached = NIL;
	MemoryContextReset(cache_context);

	/* before the snapshot: what it does not show is to be heard of */
	cached_table = RelationGetRelid(table);
	changes_before = changes;

	row_scan_begin(&scan, TABLE_PROVIDER, AccessShareLock, 0, NULL, true);
	caller = MemoryContextSwitchTo(cache_context);
	while ((row = row_scan_next(&scan)) != NULL)
		cached = lappend(cached, read_provider(row));
	list_sort(cached, by_priority);
	MemoryContextSwitchTo(caller);
	row_scan_end(&scan);
	row_close(table);
	cached_changes = changes_before;
}

/* A copy, for a change may come in at any time. */
List *
provider_read_all(void)
{
	List	 *providers = NIL;
	ListCell *cell;

	if (cached_changes == 0 || cached_changes != changes)
		fill_cache();
	foreach (cell, cached)
	{
		Provider *provider = palloc(sizeof(Provider));

		*provider = *(Provider *) lfirst(cell);
		provider->name = pstrdup(provider->name);
		provider->room_template = pstrdup(provider->room_template);
		providers = lappend(providers, provider);
	}
	return providers;
}

/*
 * Trigger: a row of harthio.provider has changed.
 */
Datum
harthio_provider_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("harthio.provider_changed() must be called as a trigger")));
	CacheInvalidateRelcache(((TriggerData *) fcinfo->context)->tg_relation);
	PG_RETURN_POINTER(NULL);
}
