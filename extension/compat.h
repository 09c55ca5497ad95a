/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  The differences between PostgreSQL 15, 16, 17 and 18, in one place.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_COMPAT_H
#define HARTHIO_COMPAT_H

#include "executor/executor.h"
#include "utils/regproc.h"
#include "utils/relcache.h"

#if PG_VERSION_NUM >= 180000
#define CheckIndexConstraints(target, slot, estate, tid) \
	ExecCheckIndexConstraints(target, slot, estate, tid, &(slot)->tts_tid, NIL)
#else
#define CheckIndexConstraints(target, slot, estate, tid) \
	ExecCheckIndexConstraints(target, slot, estate, tid, NIL)
#endif

#if PG_VERSION_NUM >= 160000
#define QualifiedNameList(name) stringToQualifiedNameList(name, NULL)
#else
#define QualifiedNameList(name) stringToQualifiedNameList(name)
#endif

#if PG_VERSION_NUM >= 180000
#define PrimaryKeyIndex(table) RelationGetPrimaryKeyIndex(table, false)
#else
#define PrimaryKeyIndex(table) RelationGetPrimaryKeyIndex(table)
#endif

#if PG_VERSION_NUM >= 160000
#define InsertIndexTuples(target, slot, estate, conflict) \
	ExecInsertIndexTuples(target, slot, estate, false, true, conflict, NIL, false)
#else
#define InsertIndexTuples(target, slot, estate, conflict) \
	ExecInsertIndexTuples(target, slot, estate, false, true, conflict, NIL)
#endif

#if PG_VERSION_NUM >= 180000
#define BeginIndexScan(table, index, snapshot, nkeys) \
	index_beginscan(table, index, snapshot, NULL, nkeys, 0)
#else
#define BeginIndexScan(table, index, snapshot, nkeys) \
	index_beginscan(table, index, snapshot, nkeys, 0)
#endif

#endif /* HARTHIO_COMPAT_H */
