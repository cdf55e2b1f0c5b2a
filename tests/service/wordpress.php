<?php
// What the plug-in calls of WordPress, as far as its contract goes, and a post that goes through a life of JSON lines on stdin.
define( 'ABSPATH', __DIR__ );
define( 'RELATED_ARTICLES_SERVICE', getenv( 'SERVICE' ) );
define( 'RELATED_ARTICLES_KEY', getenv( 'KEY' ) );

$hooks = $transients = $scheduled = $posts = $shortcodes = $blocks = $routes = $can = array();
$current = null;
$away = false;

class WP_Error { public $said; public function __construct( $code = '', $said = '', $data = null ) { $this->said = $said; } }
function add_action( $name, $call, $priority = 10, $count = 1 ) { global $hooks; $hooks[ $name ][] = array( $call, $count ); }
function fire( $name, ...$given ) { global $hooks; foreach ( $hooks[ $name ] ?? array() as [ $call, $count ] ) { $call( ...array_slice( $given, 0, $count ) ); } }
function add_shortcode( $name, $call ) { global $shortcodes; $shortcodes[ $name ] = $call; }
function register_block_type( $file, $given ) { global $blocks; $blocks[ json_decode( file_get_contents( $file ), true )['name'] ] = $given['render_callback']; }
function register_rest_route( $space, $path, $given ) { global $routes; $routes[ $space . $path ] = $given; }
function current_user_can( $what ) { global $can; return in_array( $what, $can, true ); }
function shortcode_atts( $known, $given ) { return array_merge( $known, array_intersect_key( $given, $known ) ); }
function get_current_blog_id() { return 1; }
function get_post( $id = null ) { global $posts, $current; return $posts[ $id ?? $current ] ?? null; }
function get_the_title( $post ) { return htmlspecialchars( $post->post_title ); }
function get_the_terms( $post, $taxonomy ) { $names = $post->{$taxonomy} ?? array(); return $names ? array_map( fn( $name ) => (object) array( 'name' => $name ), $names ) : false; }
function wp_list_pluck( $list, $field ) { return array_map( fn( $one ) => $one->$field, $list ); }
function has_excerpt( $post ) { return '' !== $post->post_excerpt; }
function do_blocks( $content ) { return preg_replace( '/<!--.*?-->/s', '', $content ); }
function get_permalink( $post ) { return 'https://blog.example/?p=' . $post->ID; }
function get_the_post_thumbnail_url( $post, $size ) { return false; }
function get_post_time( $format, $gmt, $post ) { return $post->post_date; }
function get_post_modified_time( $format, $gmt, $post ) { return $post->post_date; }
function get_the_author_meta( $field, $id ) { return 'Ada'; }
function get_locale() { return 'en_US'; }
function wp_json_encode( $value ) { return json_encode( $value ); }
function wp_is_post_revision( $id ) { return false; }
function wp_is_post_autosave( $id ) { return false; }
function get_transient( $key ) { global $transients; return $transients[ $key ] ?? false; }
function set_transient( $key, $value, $seconds ) { global $transients; $transients[ $key ] = $value; }
function delete_transient( $key ) { global $transients; unset( $transients[ $key ] ); }
function wp_schedule_single_event( $when, $hook, $given ) { global $scheduled; $scheduled[] = array( $hook, $given ); }
function is_wp_error( $thing ) { return $thing instanceof WP_Error; }
function wp_remote_retrieve_response_code( $response ) { return $response['status']; }
function wp_remote_retrieve_body( $response ) { return $response['body']; }
function wp_remote_get( $url, $given ) { return wp_remote_request( $url, array( 'method' => 'GET', 'headers' => array(), 'body' => null ) + $given ); }
function wp_remote_request( $url, $given ) {
	global $away;
	if ( $away ) {
		return new WP_Error();
	}
	$lines = array_map( fn( $name, $value ) => "$name: $value", array_keys( $given['headers'] ), $given['headers'] );
	$http  = array( 'method' => $given['method'], 'header' => $lines, 'content' => $given['body'] ?? '', 'ignore_errors' => true );
	$body  = file_get_contents( $url, false, stream_context_create( array( 'http' => $http ) ) );
	return array( 'status' => (int) explode( ' ', $http_response_header[0] )[1], 'body' => $body );
}

require $argv[1];
fire( 'init' );
fire( 'rest_api_init' );

while ( $line = fgets( STDIN ) ) {
	$step = json_decode( $line, true );
	$away = $step['away'] ?? false;
	$said = null;
	switch ( $step['do'] ) {
		case 'save':
			$post    = (object) ( $step['post'] + array( 'post_type' => 'post', 'post_status' => 'publish', 'post_password' => '', 'post_excerpt' => '', 'post_author' => 1 ) );
			$before  = $posts[ $post->ID ] ?? null;
			$posts[ $post->ID ] = $post;
			fire( 'transition_post_status', $post->post_status, $before ? $before->post_status : 'new', $post );
			fire( 'wp_after_insert_post', $post->ID, $post, (bool) $before, $before );
			break;
		case 'delete':
			fire( 'before_delete_post', $step['id'], $posts[ $step['id'] ] );
			unset( $posts[ $step['id'] ] );
			break;
		case 'cron':
			$due       = $scheduled;
			$scheduled = array();
			foreach ( $due as [ $hook, $given ] ) {
				fire( $hook, ...$given );
			}
			break;
		case 'box':
			$current = $step['id'];
			$said    = $shortcodes['related_articles']( $step['with'] ?? '' );
			assert( $said === $blocks['related-articles/box']( $step['with'] ?? array() ) );
			break;
		case 'links':
			$can   = $step['can'];
			$route = $routes['related-articles/v1/links'];
			$said  = $route['permission_callback']() ? $route['callback']( $step['with'] ) : 'refused';
			break;
	}
	echo json_encode( array( 'said' => $said, 'scheduled' => count( $scheduled ) ) ), "\n";
}
