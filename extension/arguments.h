/*-------------------------------------------------------------------------
 *
 * arguments.h
 *	  What callers send: each argument checked before anything is done.
 *
 * A missing value is an error (22004) unless the function's name says
 * "optional"; an unfit one is 22023, an oversized one 54000.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_ARGUMENTS_H
#define HARTHIO_ARGUMENTS_H

#include "fmgr.h"
#include "utils/jsonb.h"

extern char *argument_session_id(FunctionCallInfo fcinfo, int n);
extern int	 argument_epoch(FunctionCallInfo fcinfo, int n);
extern bool	 argument_bool(FunctionCallInfo fcinfo, int n, const char *name);
extern char *argument_text(FunctionCallInfo fcinfo, int n, const char *name);
extern char *argument_reason(FunctionCallInfo fcinfo, int n);
extern char *argument_optional_participant_id(FunctionCallInfo fcinfo, int n);
extern bool	 argument_optional_ms(FunctionCallInfo fcinfo, int n, const char *name, int32 *value);
extern char *argument_node_id(FunctionCallInfo fcinfo, int n);
extern char *argument_optional_device(FunctionCallInfo fcinfo, int n); /* may be '', the one without a name */
extern bool	 argument_optional_incarnation(FunctionCallInfo fcinfo, int n, int64 *value);

/* A text[] of participants' ids. */
extern Datum argument_participant_ids(FunctionCallInfo fcinfo, int n);

/* A JSON object; null means an empty one. */
extern Datum argument_json_object(FunctionCallInfo fcinfo, int n, const char *name);

/* A JSON object that must be there. */
extern Datum argument_required_json_object(FunctionCallInfo fcinfo, int n, const char *name);

/* A member of an object that is a string, as a copy; or NULL. */
extern char *json_string_member(Jsonb *object, const char *key);

/* Raise 22023 unless a participant's id, from whichever source, is fit. */
extern void check_participant_id(const char *id);

/* The same for a device. */
extern void check_device(const char *device);

#endif /* HARTHIO_ARGUMENTS_H */
