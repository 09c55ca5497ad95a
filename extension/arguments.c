/*-------------------------------------------------------------------------
 *
 * arguments.c
 *	  What callers send: each argument checked before anything is done.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "arguments.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "harthio.h"

#define SESSION_ID_CHARACTERS \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

static void
require_value(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", name)));
}

char *
argument_session_id(FunctionCallInfo fcinfo, int n)
{
	char  *id;
	size_t length;

	require_value(fcinfo, n, "session_id");
	id = text_to_cstring(PG_GETARG_TEXT_PP(n));
	length = strlen(id);

	if (length < 1 || length > SESSION_ID_MAX ||
		strspn(id, SESSION_ID_CHARACTERS) != length)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid session id"),
				 errdetail("A session id has 1 to %d characters, each a letter A-Z or a-z, a digit, \"_\" or \"-\".",
						   SESSION_ID_MAX),
				 errhint("A UUID fits.")));
	return id;
}

int
argument_epoch(FunctionCallInfo fcinfo, int n)
{
	int epoch;

	require_value(fcinfo, n, "epoch");
	epoch = PG_GETARG_INT32(n);
	if (epoch < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid epoch %d", epoch),
				 errdetail("A session's epochs are 1, 2, 3 and so on."),
				 errhint("Send the epoch of the assignment that the caller was told.")));
	return epoch;
}

bool
argument_bool(FunctionCallInfo fcinfo, int n, const char *name)
{
	require_value(fcinfo, n, name);
	return PG_GETARG_BOOL(n);
}

/* Control characters would make a state's JSON six times their length. */
static bool
has_control_character(const char *string)
{
	for (; *string; string++)
	{
		if ((unsigned char) *string < 0x20 || *string == 0x7f)
			return true;
	}
	return false;
}

static void
check_label(const char *name, const char *value, size_t max)
{
	size_t length = strlen(value);

	if (length < 1 || length > max || has_control_character(value))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid %s", name),
				 errdetail("It has %zu bytes, or a control character in it.", length),
				 errhint("Send 1 to %zu bytes without control characters.", max)));
}

char *
argument_text(FunctionCallInfo fcinfo, int n, const char *name)
{
	require_value(fcinfo, n, name);
	return text_to_cstring(PG_GETARG_TEXT_PP(n));
}

char *
argument_reason(FunctionCallInfo fcinfo, int n)
{
	char *reason;

	require_value(fcinfo, n, "reason");
	reason = text_to_cstring(PG_GETARG_TEXT_PP(n));
	check_label("reason", reason, REASON_MAX);
	return reason;
}

void
check_participant_id(const char *id)
{
	check_label("participant id", id, PARTICIPANT_ID_MAX);
}

char *
argument_optional_participant_id(FunctionCallInfo fcinfo, int n)
{
	char *id;

	if (PG_ARGISNULL(n))
		return NULL;

	id = text_to_cstring(PG_GETARG_TEXT_PP(n));
	check_participant_id(id);
	return id;
}

bool
argument_optional_ms(FunctionCallInfo fcinfo, int n, const char *name, int32 *value)
{
	if (PG_ARGISNULL(n))
		return false;

	*value = PG_GETARG_INT32(n);
	if (*value < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid %s %d", name, *value),
				 errdetail("It is a time in milliseconds."),
				 errhint("Send 0 or more, or null if it is not known.")));
	return true;
}

Datum
argument_json_object(FunctionCallInfo fcinfo, int n, const char *name)
{
	Jsonb *object;

	if (PG_ARGISNULL(n))
		return DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"));

	object = PG_GETARG_JSONB_P(n);
	if (!JB_ROOT_IS_OBJECT(object))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be a JSON object", name),
				 errdetail("It is another kind of JSON value."),
				 errhint("For nothing to say, leave it out.")));
	if (VARSIZE(object) > JSON_ARGUMENT_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s is too large", name),
				 errdetail("It takes %d bytes; at most %d are kept.",
						   (int) VARSIZE(object), JSON_ARGUMENT_MAX),
				 errhint("Send less of it.")));
	return JsonbPGetDatum(object);
}

char *
argument_node_id(FunctionCallInfo fcinfo, int n)
{
	char *id;

	require_value(fcinfo, n, "node_id");
	id = text_to_cstring(PG_GETARG_TEXT_PP(n));
	check_label("node id", id, NODE_ID_MAX);
	return id;
}

void
check_device(const char *device)
{
	check_label("device", device, DEVICE_MAX);
}

char *
argument_optional_device(FunctionCallInfo fcinfo, int n)
{
	char *device;

	if (PG_ARGISNULL(n))
		return NULL;

	device = text_to_cstring(PG_GETARG_TEXT_PP(n));
	if (device[0] != '\0')
		check_device(device);
	return device;
}

bool
argument_optional_incarnation(FunctionCallInfo fcinfo, int n, int64 *value)
{
	if (PG_ARGISNULL(n))
		return false;

	*value = PG_GETARG_INT64(n);
	if (*value < 0 || *value > INCARNATION_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid incarnation"),
				 errdetail("It is " INT64_FORMAT ".", *value),
				 errhint("Send an integer from 0 to " INT64_FORMAT ", such as the time in milliseconds at which the page was loaded.",
						 INCARNATION_MAX)));
	return true;
}

Datum
argument_participant_ids(FunctionCallInfo fcinfo, int n)
{
	ArrayType *array;
	Datum	  *ids;
	bool	  *nulls;
	int		   count;

	require_value(fcinfo, n, "participant_ids");
	array = PG_GETARG_ARRAYTYPE_P(n);
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &ids, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("participant_ids must not contain null")));
		check_participant_id(TextDatumGetCString(ids[i]));
	}
	return PointerGetDatum(array);
}

Datum
argument_required_json_object(FunctionCallInfo fcinfo, int n, const char *name)
{
	require_value(fcinfo, n, name);
	return argument_json_object(fcinfo, n, name);
}

char *
json_string_member(Jsonb *object, const char *key)
{
	JsonbValue value;

	if (getKeyJsonValueFromContainer(&object->root, key, (int) strlen(key), &value) == NULL ||
		value.type != jbvString)
		return NULL;
	return pnstrdup(value.val.string.val, value.val.string.len);
}
