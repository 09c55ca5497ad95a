# Is what commits told, once and in order, and what does not commit never?
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'harthio'\nharthio.database = 'postgres'\nharthio.ring_size = 16");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION harthio');

my $listener = $node->background_psql('postgres');
$listener->query_safe('LISTEN harthio');
my $heard = '';

# wait until the listener has heard something
sub await
{
	my ($pattern) = @_;

	for (1 .. 100 * $PostgreSQL::Test::Utils::timeout_default)
	{
		$heard .= $listener->query('SELECT 1');
		return 1 if $heard =~ $pattern;
		usleep(10_000);
	}
	die "did not hear $pattern, but:\n$heard";
}

sub claim { return "SELECT harthio_claim_provider('$_[0]', 'alice');"; }

$node->safe_psql('postgres', claim('plain'));
ok(await(qr/"sessionId":"plain","generation":1,"epoch":1,"version":\d+,"provider":"daily"/),
	'a claim is told');

$node->safe_psql('postgres', claim('plain') . "SELECT harthio_claim_provider('plain', 'bob');");
$node->safe_psql('postgres', "SELECT harthio_switch_provider('plain', 1)");
ok(await(qr/"sessionId":"plain","generation":1,"epoch":2.*"failedProvider":"daily","newProvider":"p2p"/),
	'a switch is told');

$node->safe_psql('postgres', 'BEGIN;' . claim('rolled-back') . 'ROLLBACK');
$node->safe_psql('postgres',
	'BEGIN; SAVEPOINT a;' . claim('savepoint') . 'ROLLBACK TO a;' . claim('kept') . 'COMMIT');
$node->safe_psql('postgres', claim('last'));
ok(await(qr/"last"/), 'what was claimed after it is told');
like($heard, qr/"kept"/, 'and what a transaction kept');
unlike($heard, qr/"rolled-back"/, 'what was rolled back is not');
unlike($heard, qr/"savepoint"/, 'nor what was rolled back to a savepoint');
is(scalar(() = $heard =~ /"sessionId":"plain"/g), 2, 'joining an assigned session is no news');

$node->safe_psql('postgres', "SELECT harthio_end_session('plain')");
ok(await(qr/"sessionId":"plain","generation":1,"epoch":3,"version":\d+,"provider":null/),
	'an end is told');

# what is told is what a snapshot says, whether it is carried along, as what has
# 232 bytes just is, or too long for that
my $neighbour = 0;
for my $case (['5f0c2a34-5d0e-4f0f-8a39-6f8f2d1c7b90', '{session_id}', 'alice', 'a reason'],
	['5f0c2a34-5d0e-4f0f-8a39-6f8f2d1c7b91', '{session_id}', 'p' x 137, 'a reason'],
	['5f0c2a34-5d0e-4f0f-8a39-6f8f2d1c7b92', '{session_id}', 'p' x 138, 'a reason'],
	['5f0c2a34-5d0e-4f0f-8a39-6f8f2d1c7b93', '{session_id}', 'p' x 200, 'a reason'],
	['s' x 128, '{session_id}' x 8, 'p' x 254 . '"', 'r' x 127 . '\\'])
{
	my ($session, $template, $participant, $reason) = @$case;
	my $told = sub {
		my ($epoch) = @_;
		await(qr/"sessionId":"$session","generation":1,"epoch":$epoch,/);
		my ($state) = $heard =~ /payload "(\{"sessionId":"$session","generation":1,"epoch":$epoch,.*\})" received/;
		is($state =~ s/"version":\d+,//r,
			$node->safe_psql('postgres', "SELECT state FROM harthio_snapshot('{$session}')") =~ s/"version":\d+,//r,
			"epoch $epoch, for names of " . length($session) . ' and ' . length($participant));
	};

	$node->safe_psql('postgres', "UPDATE harthio.provider SET room_template = '$template'");
	# another change follows it closely
	$node->safe_psql('postgres', "BEGIN; SELECT harthio_claim_provider('$session', '$participant');" .
		claim('neighbour-' . $neighbour++) . 'COMMIT');
	$told->(1);
	$node->safe_psql('postgres', "SELECT harthio_switch_provider('$session', 1, '$reason')");
	$told->(2);
	$node->safe_psql('postgres', "SELECT harthio_end_session('$session')");
	$told->(3);
}

# more changes at a time than the ring takes: nobody is told half of it
$heard = '';
$node->safe_psql('postgres',
	"SELECT count((harthio_claim_provider('many-' || n, 'alice')).epoch) FROM generate_series(1, 100) n");
ok(await(qr/"resync":true/), 'a full ring makes everybody take snapshots');

# the same when the publisher cannot follow
my $publisher = $node->safe_psql('postgres',
	"SELECT pid FROM pg_stat_activity WHERE backend_type = 'harthio publisher'");
$heard = '';
kill 'STOP', $publisher;
$node->safe_psql('postgres', claim("one-of-many-$_")) for 1 .. 20;
kill 'CONT', $publisher;
ok(await(qr/"resync":true/), 'so does one that fills up bit by bit');
like($heard, qr/"one-of-many-16"/, 'what fitted is told');
unlike($heard, qr/"one-of-many-17"/, 'what did not is not');

$heard = '';
$node->safe_psql('postgres', "SELECT pg_terminate_backend($publisher)");
$node->safe_psql('postgres', claim('meanwhile'));
ok(await(qr/"resync":true/), 'so does the death of the publisher');

$listener->quit;
$node->stop;
done_testing();
