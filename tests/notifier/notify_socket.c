/*
 * notify_socket.c
 *		Plays systemd: prints each datagram that comes to a unix socket, a line
 *		each, with | for the line ends in it.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void
print_datagram(char *text)
{
	for (char *c = text; *c != '\0'; c++)
	{
		if (*c == '\n')
			*c = '|';
	}
	puts(text);
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char			   text[1024];
	ssize_t			   length;
	int				   fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	if (argc != 2 || fd < 0)
		return 1;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", argv[1]);
	if (bind(fd, (struct sockaddr *) &address, sizeof(address)) != 0)
		return 1;
	puts("bound");
	fflush(stdout);
	while ((length = recv(fd, text, sizeof(text) - 1, 0)) > 0)
	{
		text[length] = '\0';
		print_datagram(text);
	}
	close(fd);
	return 0;
}
