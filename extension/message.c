/*-------------------------------------------------------------------------
 *
 * message.c
 *	  Database broadcasts: rows of realtime.messages, which
 *	  compat/harthio_realtime.sql creates.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "fmgr.h"

#include "change_ring.h"

PG_FUNCTION_INFO_V1(harthio_note_message);

/*
 * Trigger: have notifiers look for new messages once this is committed.
 */
Datum
harthio_note_message(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("harthio.note_message() must be called as a trigger")));
	harthio_require_ready();
	change_message();
	PG_RETURN_POINTER(NULL);
}
