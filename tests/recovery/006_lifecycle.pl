# What does the sweeper do by itself, whatever happens to it?
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', q{
shared_preload_libraries = 'harthio'
harthio.database = 'postgres'
harthio.sweep_interval = '1s'
harthio.leave_grace = '2s'
harthio.session_ttl = '1s'
log_min_messages = info
});
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION harthio');

sub await
{
	my ($condition, $what) = @_;
	ok($node->poll_query_until('postgres', "SELECT $condition"), $what);
}

sub set
{
	my (%settings) = @_;
	$node->safe_psql('postgres', "ALTER SYSTEM SET harthio.$_ = '$settings{$_}'") for keys %settings;
	$node->reload;
}

sub sweeper
{
	return $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE backend_type = 'harthio sweeper'");
}

sub reason
{
	return "(SELECT reason FROM harthio.assignment WHERE session_id = '$_[0]' ORDER BY epoch DESC LIMIT 1)";
}

# a notifier that is not heard of any more
$node->safe_psql('postgres', q{
	SELECT harthio_claim_provider('dead-node', p) FROM unnest('{alice,bob}'::text[]) p;
	SELECT harthio_claim_provider('no-node', 'alice');
	SELECT harthio_renew_lease('n1');
	SELECT harthio_attach('n1', 'dead-node', '{alice,bob}');
});
await("NOT EXISTS (SELECT FROM harthio.participant WHERE session_id = 'dead-node' AND left_at IS NULL)",
	'those who were at a dead notifier leave');
await(reason('dead-node') . " = 'expired'", 'and their session ends by itself');
is($node->safe_psql('postgres', 'SELECT ' . reason('no-node')), 'claimed',
	'a session that was never at a notifier does not');

# a session that everybody leaves
$node->safe_psql('postgres', q{
	SELECT harthio_leave_session('no-node', 'alice');
});
await(reason('no-node') . " = 'expired'", 'but when everybody has left it does');
is($node->safe_psql('postgres', "SELECT claimed_by FROM harthio.assignment WHERE reason = 'expired' LIMIT 1"),
	'harthio', 'nobody in particular ended it');

# a setting that changes takes effect
set(retention => '1s');
await("NOT EXISTS (SELECT FROM harthio.assignment)", 'what is old is removed');
is($node->safe_psql('postgres', 'SELECT count(*) FROM harthio.participant'), '0', 'with all that was known of it');
set(retention => '30d', session_ttl => '1d');

# an evacuation, with the next round a day away and claims all the time
set(sweep_interval => '1d');
$node->safe_psql('postgres',
	"SELECT count((harthio_claim_provider('evacuation-' || n, 'alice')).epoch) FROM generate_series(1, 500) n");
my $claims = $node->basedir . '/claims.pgbench';
append_to_file($claims, q{
\set n random(1, 700)
SELECT FROM harthio_claim_provider('evacuation-' || :n, 'user-' || :client_id);
});
my $pgbench = IPC::Run::start(
	[ 'pgbench', '-n', '-c', '4', '-t', '500', '-f', $claims, '-h', $node->host, '-p', $node->port, 'postgres' ],
	'>', \my $out, '2>', \my $err);
is($node->safe_psql('postgres', "SELECT harthio_evacuate_provider('daily') >= 500"), 't', 'an evacuation returns at once');
await("finished_at IS NOT NULL FROM harthio.evacuation", 'it comes to its end');
$pgbench->finish;
like($out, qr/actually processed: 2000\/2000/, 'claims go on meanwhile');
is($node->safe_psql('postgres', q{
	SELECT DISTINCT provider FROM (SELECT DISTINCT ON (session_id) provider FROM harthio.assignment
	 WHERE session_id LIKE 'evacuation-%' ORDER BY session_id, epoch DESC) a}), 'p2p', 'everybody is on the other provider');
is($node->safe_psql('postgres', 'SELECT moved >= sessions FROM harthio.evacuation'), 't', 'and it says so');

# a claim that chose the provider before, and commits after
$node->safe_psql('postgres', q{
	SELECT harthio_enable_provider('daily');
	SELECT harthio_claim_provider('early', 'alice');
});
my $late = $node->background_psql('postgres');
$late->query_safe("BEGIN; SELECT harthio_claim_provider('late', 'alice')");
$node->safe_psql('postgres', "SELECT harthio_evacuate_provider('daily')");
await(reason('early') . " = 'evacuated'", 'what is there is moved');
is($node->safe_psql('postgres', "SELECT finished_at IS NULL FROM harthio.evacuation"), 't', 'an evacuation waits for it');
$late->query_safe('COMMIT');
await("finished_at IS NOT NULL FROM harthio.evacuation", 'and is finished then');
is($node->safe_psql('postgres', 'SELECT ' . reason('late')), 'evacuated', 'with that one moved, too');
$late->quit;

# a session that cannot be moved delays no other, and is tried again
$node->safe_psql('postgres', q{
	SELECT harthio_enable_provider('daily');
	UPDATE harthio.provider SET enabled = provider = 'daily';
	SELECT harthio_claim_provider(repeat('a', 100), 'alice');
	SELECT harthio_claim_provider('short', 'alice');
	UPDATE harthio.provider SET enabled = true, room_template = repeat('{session_id}', 20) WHERE provider = 'p2p';
});
my $logged = -s $node->logfile;
$node->safe_psql('postgres', "SELECT harthio_evacuate_provider('daily')");
await(reason('short') . " = 'evacuated'", 'what can be moved is moved');
$node->wait_for_log(qr/room name is too long/, $logged);
is($node->safe_psql('postgres', "SELECT finished_at IS NULL FROM harthio.evacuation"), 't', 'what cannot is not forgotten');
$node->safe_psql('postgres', "UPDATE harthio.provider SET room_template = 'x' WHERE provider = 'p2p'");
set(sweep_interval => '1s');
await("finished_at IS NOT NULL FROM harthio.evacuation", 'and moved when it can be');

# the sweeper can be ended like any backend
my $first = sweeper();
$node->safe_psql('postgres', "SELECT pg_terminate_backend($first)");
$node->poll_query_until('postgres',
	"SELECT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'harthio sweeper' AND pid <> $first)")
  or die 'the sweeper did not come back';
$node->safe_psql('postgres', q{
	SELECT harthio_enable_provider('daily');
	SELECT harthio_evacuate_provider('p2p');
});
await("finished_at IS NOT NULL FROM harthio.evacuation WHERE provider = 'p2p'", 'the sweeper comes back and works');

# after a start nobody is lost who has not had the time to be heard of
set(leave_grace => '1d', session_ttl => '1d');
$node->safe_psql('postgres', q{
	SELECT harthio_claim_provider('restart', 'alice');
	SELECT harthio_attach('n2', 'restart', '{alice}');
	UPDATE harthio.node SET renewed_at = renewed_at - interval '2 days';
});
$node->restart;
$node->safe_psql('postgres', q{
	SELECT harthio_claim_provider('after', 'alice');
	SELECT harthio_leave_session('after', 'alice');
	UPDATE harthio.vacancy SET since = since - interval '2 days' WHERE session_id = 'after';
});
await(reason('after') . " = 'expired'", 'after a restart the sweeper is at work');
is($node->safe_psql('postgres', "SELECT left_at IS NULL FROM harthio.participant WHERE session_id = 'restart'"), 't',
	'and gives notifiers time to renew their leases');

# the extension comes and goes, and the sweeper does not mind
my $steady = sweeper();
$node->safe_psql('postgres', 'DROP EXTENSION harthio CASCADE; CREATE EXTENSION harthio');
$node->safe_psql('postgres', q{
	SELECT harthio_claim_provider('anew', 'alice');
	SELECT harthio_leave_session('anew', 'alice');
	UPDATE harthio.vacancy SET since = since - interval '2 days' WHERE session_id = 'anew';
});
await(reason('anew') . " = 'expired'", 'it works for the extension that was created anew');
is(sweeper(), $steady, 'as the same process');

$node->stop;
done_testing();
