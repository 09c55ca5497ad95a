/*-------------------------------------------------------------------------
 *
 * identity.c
 *	  Who calls: from request.jwt.claims, as PostgREST and Supabase set it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "identity.h"

#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

#include "arguments.h"
#include "compat.h"
#include "harthio.h"
#include "search_path.h"

PG_FUNCTION_INFO_V1(harthio_authorize);

#define CLAIMS_SETTING "request.jwt.claims"
#define TRUSTED_ROLE   "service_role"

/* The claims of the request, or NULL if it has none. */
static Jsonb *
claims_of_request(void)
{
	const char *setting = GetConfigOption(CLAIMS_SETTING, true, false);
	Jsonb	   *claims;

	/* a setting that was SET LOCAL once is empty afterwards, not missing */
	if (setting == NULL || setting[0] == '\0')
		return NULL;

	claims = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(setting)));
	if (!JB_ROOT_IS_OBJECT(claims))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is not a JSON object", CLAIMS_SETTING),
				 errhint("Set it to the claims of the caller's JWT, or leave it empty.")));
	return claims;
}

/*
 * Find out who calls, or why the caller may not be the one it says.
 */
static bool
identify(char *given, Identity *identity, const char **refusal)
{
	Jsonb *claims = claims_of_request();
	char  *role = claims ? json_string_member(claims, "role") : NULL;
	char  *sub = claims ? json_string_member(claims, "sub") : NULL;

	identity->trusted = claims == NULL ||
						(role != NULL && strcmp(role, TRUSTED_ROLE) == 0);
	identity->participant_id = sub;

	if (identity->trusted)
	{
		if (given != NULL)
			identity->participant_id = given;
		else if (sub == NULL)
			identity->participant_id = GetUserNameFromId(GetSessionUserId(), false);
	}
	else if (sub == NULL)
	{
		*refusal = "The caller's JWT has no claim \"sub\".";
		return false;
	}
	else if (given != NULL && strcmp(given, sub) != 0)
	{
		*refusal = "The caller's JWT names another participant in its claim \"sub\".";
		return false;
	}

	if (identity->participant_id == sub && sub != NULL)
		check_participant_id(sub);
	return true;
}

Identity
identity_of_caller(char *given)
{
	Identity	identity;
	const char *refusal;

	if (!identify(given, &identity, &refusal))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("caller cannot take part as this participant"),
				 errdetail_internal("%s", refusal),
				 errhint("Sign in as that participant, or call as %s.", TRUSTED_ROLE)));
	return identity;
}

/*
 * The function that harthio.authorize_function names.  It is looked up at
 * each call: it may be replaced at any time.
 */
static Oid
authorize_function(void)
{
	Oid	  argtypes[] = {TEXTOID, TEXTOID};
	Oid	  function;
	List *name = QualifiedNameList(harthio_authorize_function);

	function = LookupFuncName(name, 2, argtypes, true);
	if (!OidIsValid(function) || get_func_rettype(function) != BOOLOID ||
		get_func_retset(function))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("harthio.authorize_function is not a usable function"),
				 errdetail("There is no function %s(text, text) that returns boolean.",
						   harthio_authorize_function),
				 errhint("Name it with its schema, as in \"public.may_join\".")));
	return function;
}

/*
 * Ask the operator's function.  It runs as the role that called us, not as
 * the owner of the function that this is part of, so that row-level security
 * holds for it as it does for the caller.
 */
static bool
ask_operator(const char *session_id, const char *participant_id)
{
	LOCAL_FCINFO(call, 2);
	FmgrInfo function;
	Oid		 user;
	int		 context;
	int		 pinned = search_path_pin();
	Datum	 answer;

	fmgr_info(authorize_function(), &function);
	InitFunctionCallInfoData(*call, &function, 2, DEFAULT_COLLATION_OID, NULL, NULL);
	call->args[0].value = CStringGetTextDatum(session_id);
	call->args[0].isnull = false;
	call->args[1].value = CStringGetTextDatum(participant_id);
	call->args[1].isnull = false;

	/* an error restores the user as part of the abort */
	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(GetOuterUserId(), context | SECURITY_LOCAL_USERID_CHANGE);
	answer = FunctionCallInvoke(call);
	SetUserIdAndSecContext(user, context);
	search_path_restore(pinned);

	return !call->isnull && DatumGetBool(answer);
}

static bool
may_join(const char *session_id, const Identity *identity)
{
	if (identity->trusted || harthio_authorize_function[0] == '\0')
		return true;
	return ask_operator(session_id, identity->participant_id);
}

void
identity_require_may_join(const char *session_id, const Identity *identity)
{
	if (!may_join(session_id, identity))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("\"%s\" may not join session \"%s\"", identity->participant_id, session_id),
				 errdetail("The function %s does not allow it.", harthio_authorize_function),
				 errhint("Ask whoever runs the session.")));
}

/*
 * May the caller take part in the session?  For notifiers, who ask before
 * they let a client hear of it; the session need not exist yet.
 */
Datum
harthio_authorize(PG_FUNCTION_ARGS)
{
	char	   *session_id;
	Identity	identity;
	const char *refusal;

	harthio_require_ready();
	session_id = argument_session_id(fcinfo, 0);

	PG_RETURN_BOOL(identify(argument_optional_participant_id(fcinfo, 1), &identity, &refusal) &&
				   may_join(session_id, &identity));
}
