/*
 * base64url.c
 *		Is this what we may give to cjose?
 */
#include "base64url.h"

bool
base64url_valid(struct slice text)
{
	for (size_t i = 0; i < text.length; i++)
	{
		char c = text.data[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			  (c >= '0' && c <= '9') || c == '_' || c == '-'))
			return false;
	}
	/* four characters are three bytes, and one alone is none */
	return text.length % 4 != 1;
}
