/*-------------------------------------------------------------------------
 *
 * device.c
 *	  Which of a participant's devices speaks, and which life of it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "device.h"

#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "arguments.h"
#include "harthio.h"

#define DEVICE_KEY		"device"
#define INCARNATION_KEY "incarnation"

/* The value of an object's key, or NULL. */
static JsonbValue *
find_key(Jsonb *object, const char *key)
{
	return getKeyJsonValueFromContainer(&object->root, key, (int) strlen(key), NULL);
}

/* As JSON writes it; false if it is not an integer within the limits. */
static bool
read_incarnation(const JsonbValue *value, int64 *incarnation)
{
	char *digits;
	char *end;

	if (value->type != jbvNumeric)
		return false;
	digits = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));

	/* too many digits give the largest number, which is too large */
	*incarnation = strtoll(digits, &end, 10);
	return *end == '\0' && *incarnation >= 0 && *incarnation <= INCARNATION_MAX;
}

static const char *
take_name(Datum *info)
{
	JsonbValue *value = find_key(DatumGetJsonbP(*info), DEVICE_KEY);
	char	   *name;

	if (value == NULL)
		return "";
	if (value->type != jbvString)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid device"),
				 errdetail("The member \"%s\" of info is not a string.", DEVICE_KEY),
				 errhint("Send 1 to %d bytes, such as a random id that is kept in sessionStorage.", DEVICE_MAX)));
	name = pnstrdup(value->val.string.val, value->val.string.len);
	check_device(name);
	*info = DirectFunctionCall2(jsonb_delete, *info, CStringGetTextDatum(DEVICE_KEY));
	return name;
}

static int64
take_incarnation(Datum *info)
{
	JsonbValue *value = find_key(DatumGetJsonbP(*info), INCARNATION_KEY);
	int64		incarnation;

	if (value == NULL)
		return 0;
	if (!read_incarnation(value, &incarnation))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid incarnation"),
				 errdetail("The member \"%s\" of info is not a non-negative integer, or too large.", INCARNATION_KEY),
				 errhint("Send an integer from 0 to " INT64_FORMAT ", such as the time in milliseconds at which the page was loaded.",
						 INCARNATION_MAX)));
	*info = DirectFunctionCall2(jsonb_delete, *info, CStringGetTextDatum(INCARNATION_KEY));
	return incarnation;
}

Device
device_take(Datum *info)
{
	Device device;

	device.name = take_name(info);
	device.incarnation = take_incarnation(info);
	return device;
}

bool
device_find(Datum said, Device *device)
{
	Jsonb	   *object = DatumGetJsonbP(said);
	JsonbValue *name = find_key(object, DEVICE_KEY);
	JsonbValue *incarnation = find_key(object, INCARNATION_KEY);

	if (incarnation == NULL || !read_incarnation(incarnation, &device->incarnation))
		return false;
	if (name != NULL && name->type != jbvString)
		return false;
	device->name = name ? pnstrdup(name->val.string.val, name->val.string.len) : "";
	return true;
}
