/*-------------------------------------------------------------------------
 *
 * scope.c
 *	  The kind of network that a session is in.
 *
 * info.net is the NAT class, "p2p-ok", "symmetric", "udp-blocked" or
 * "unknown"; info.region is a name of the operator's or the app's choice.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "scope.h"

#include "arguments.h"
#include "harthio.h"

#define REGION_MAX 32
#define REGION_CHARACTERS \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

#define UNKNOWN_NET "unknown"

static const char *const nets[] = {"p2p-ok", "symmetric", "udp-blocked", UNKNOWN_NET};

static const char *
known_net(const char *name)
{
	for (int i = 0; name != NULL && i < lengthof(nets); i++)
	{
		if (strcmp(name, nets[i]) == 0)
			return nets[i];
	}
	return UNKNOWN_NET;
}

static bool
is_region(const char *name)
{
	size_t length = name ? strlen(name) : 0;

	return length > 0 && length <= REGION_MAX && strspn(name, REGION_CHARACTERS) == length;
}

char *
scope_of_info(Datum info)
{
	Jsonb	   *object = DatumGetJsonbP(info);
	const char *net = known_net(json_string_member(object, "net"));
	const char *region = json_string_member(object, "region");

	StaticAssertStmt(sizeof("udp-blocked/") + REGION_MAX <= SCOPE_MAX + 1, "a scope must fit");

	if (is_region(region))
		return psprintf("%s/%s", net, region);
	return pstrdup(strcmp(net, UNKNOWN_NET) == 0 ? "" : net);
}
