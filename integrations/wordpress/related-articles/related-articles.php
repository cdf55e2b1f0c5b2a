<?php
/**
 * Plugin Name: Related Articles
 * Description: Puts the Related Articles box of your service under posts, and tells the service what is published and taken down.
 * Version: 0.3.0
 * Requires at least: 6.0
 * Requires PHP: 7.4
 * License: Apache-2.0
 *
 * Settings are constants in wp-config.php:
 *   RELATED_ARTICLES_SERVICE  address of the service, as https://recommend.example
 *   RELATED_ARTICLES_KEY      a key of scope write, of `recommend keys create wordpress --scope write`
 *   RELATED_ARTICLES_TYPES    array of post types; array( 'post' ) by default
 */

defined( 'ABSPATH' ) || exit;

const RELATED_ARTICLES_RETRY = 'related_articles_retry';

/** Types of posts that are told to the service. */
function related_articles_types() {
	return defined( 'RELATED_ARTICLES_TYPES' ) ? RELATED_ARTICLES_TYPES : array( 'post' );
}

/** The id of a post at the service; the address keeps apart several sites that share one. */
function related_articles_id( $post ) {
	return 'wp-' . get_current_blog_id() . '-' . $post->ID;
}

/** Whether everybody may read a post now. */
function related_articles_is_public( $post ) {
	return 'publish' === $post->post_status && '' === $post->post_password;
}

/** A post as an article of the service. */
function related_articles_article( $post ) {
	$names      = function ( $taxonomy ) use ( $post ) {
		$terms = get_the_terms( $post, $taxonomy );
		return is_array( $terms ) ? wp_list_pluck( $terms, 'name' ) : array();
	};
	$categories = $names( 'category' );
	return array(
		'id'           => related_articles_id( $post ),
		'title'        => html_entity_decode( get_the_title( $post ), ENT_QUOTES | ENT_HTML5, 'UTF-8' ),
		'summary'      => has_excerpt( $post ) ? $post->post_excerpt : null,
		'text'         => do_blocks( $post->post_content ),
		'url'          => get_permalink( $post ),
		'image_url'    => get_the_post_thumbnail_url( $post, 'medium_large' ) ?: null,
		'published_at' => get_post_time( 'c', true, $post ),
		'updated_at'   => get_post_modified_time( 'c', true, $post ),
		'section'      => $categories ? $categories[0] : null,
		'tags'         => $names( 'post_tag' ),
		'authors'      => array( get_the_author_meta( 'display_name', $post->post_author ) ),
		'language'     => str_replace( '_', '-', get_locale() ),
	);
}

/** Sends what a post is now: the article where it is public, else that it is taken down. False where that failed. */
function related_articles_send( $post_id ) {
	if ( ! defined( 'RELATED_ARTICLES_SERVICE' ) || ! defined( 'RELATED_ARTICLES_KEY' ) ) {
		return true;
	}
	$post = get_post( $post_id );
	if ( ! $post || ! in_array( $post->post_type, related_articles_types(), true ) ) {
		return true;
	}
	$public   = related_articles_is_public( $post );
	$response = wp_remote_request(
		rtrim( RELATED_ARTICLES_SERVICE, '/' ) . '/v1/articles/' . rawurlencode( related_articles_id( $post ) ),
		array(
			'method'  => $public ? 'PUT' : 'DELETE',
			'timeout' => 5,
			'headers' => array(
				'Authorization' => 'Bearer ' . RELATED_ARTICLES_KEY,
				'Content-Type'  => 'application/json',
			),
			'body'    => $public ? wp_json_encode( related_articles_article( $post ) ) : null,
		)
	);
	$status   = is_wp_error( $response ) ? 0 : wp_remote_retrieve_response_code( $response );
	delete_transient( related_articles_kept( $post ) );
	return $status >= 200 && $status < 300;
}

/** Sends a post, and again after a minute, five and so on where the service was away: a takedown must arrive. */
function related_articles_send_surely( $post_id, $attempt = 0 ) {
	if ( ! related_articles_send( $post_id ) && $attempt < 10 ) {
		wp_schedule_single_event( time() + 60 * min( 5 ** $attempt, 1440 ), RELATED_ARTICLES_RETRY, array( $post_id, $attempt + 1 ) );
	}
}

/** After everything about a post is saved: its terms and picture, too. */
function related_articles_after_insert( $post_id, $post, $update, $before ) {
	if ( wp_is_post_revision( $post_id ) || wp_is_post_autosave( $post_id ) ) {
		return;
	}
	if ( related_articles_is_public( $post ) || ( $before && related_articles_is_public( $before ) ) ) {
		related_articles_send_surely( $post_id );
	}
}

/** Trash, private, back to draft: by whatever way, quick edit and other plug-ins included. */
function related_articles_on_status( $new, $old, $post ) {
	if ( 'publish' === $old && 'publish' !== $new ) {
		related_articles_send_surely( $post->ID );
	}
}

/** Deleted without going through the trash. */
function related_articles_on_delete( $post_id, $post ) {
	if ( related_articles_is_public( $post ) ) {
		$post->post_status = 'trash';
		related_articles_send_surely( $post_id );
	}
}

function related_articles_kept( $post ) {
	return 'related_articles_' . $post->ID;
}

/** The box under a post, rendered by the service and kept for five minutes; '' where there is none. */
function related_articles_box( $attributes = array() ) {
	$post = get_post();
	if ( ! $post || ! defined( 'RELATED_ARTICLES_SERVICE' ) || ! related_articles_is_public( $post ) ) {
		return '';
	}
	$given = shortcode_atts( array( 'limit' => 5, 'layout' => 'list', 'lead' => 'false' ), (array) $attributes );
	$root  = rtrim( RELATED_ARTICLES_SERVICE, '/' );
	$key   = related_articles_kept( $post );
	$kept  = get_transient( $key );
	$asked = array(
		'limit'    => max( 1, min( 50, (int) $given['limit'] ) ),
		'layout'   => in_array( $given['layout'], array( 'list', 'cards', 'compact', 'strip', 'timeline' ), true ) ? $given['layout'] : 'list',
		'lead'     => in_array( $given['lead'], array( true, 'true', '1', 1 ), true ) ? 'true' : 'false',
		'fallback' => 'none',
		'root'     => $root,
	);
	$url = $root . '/v1/articles/' . rawurlencode( related_articles_id( $post ) ) . '/related.html?' . http_build_query( $asked );
	if ( is_array( $kept ) && $kept['url'] === $url ) {
		return $kept['box'];
	}
	$response = wp_remote_get( $url, array( 'timeout' => 2 ) );
	$fine     = ! is_wp_error( $response ) && 200 === wp_remote_retrieve_response_code( $response );
	$box      = $fine ? wp_remote_retrieve_body( $response ) : '';
	set_transient( $key, array( 'url' => $url, 'box' => $box ), $fine ? 300 : 30 ); // a service that is away costs one reader in 30 s two seconds
	return $box;
}

/** The links that a draft should have, as the service proposes them: the key stays on this server. */
function related_articles_links( $request ) {
	$post     = get_post( (int) $request['post'] );
	$response = wp_remote_request(
		rtrim( RELATED_ARTICLES_SERVICE, '/' ) . '/v1/links?limit=20',
		array(
			'method'  => 'POST',
			'timeout' => 5,
			'headers' => array(
				'Authorization' => 'Bearer ' . RELATED_ARTICLES_KEY,
				'Content-Type'  => 'application/json',
			),
			'body'    => wp_json_encode(
				array(
					'id'       => $post ? related_articles_id( $post ) : null,
					'title'    => (string) $request['title'],
					'text'     => (string) $request['text'],
					'language' => str_replace( '_', '-', get_locale() ),
				)
			),
		)
	);
	$told     = is_wp_error( $response ) ? null : json_decode( wp_remote_retrieve_body( $response ), true );
	if ( ! isset( $told['links'] ) ) {
		$why = isset( $told['detail'] ) ? $told['detail'] : 'The service does not answer.';
		return new WP_Error( 'related_articles_links', $why, array( 'status' => 502 ) );
	}
	return $told;
}

add_action( 'wp_after_insert_post', 'related_articles_after_insert', 10, 4 );
add_action( 'transition_post_status', 'related_articles_on_status', 10, 3 );
add_action( 'before_delete_post', 'related_articles_on_delete', 10, 2 );
add_action( RELATED_ARTICLES_RETRY, 'related_articles_send_surely', 10, 2 );
add_shortcode( 'related_articles', 'related_articles_box' );
add_action(
	'init',
	function () {
		register_block_type(
			__DIR__ . '/block.json',
			array( 'render_callback' => 'related_articles_box' )
		);
	}
);
add_action(
	'rest_api_init',
	function () {
		register_rest_route(
			'related-articles/v1',
			'/links',
			array(
				'methods'             => 'POST',
				'callback'            => 'related_articles_links',
				'permission_callback' => function () {
					return defined( 'RELATED_ARTICLES_SERVICE' ) && defined( 'RELATED_ARTICLES_KEY' ) && current_user_can( 'edit_posts' );
				},
			)
		);
	}
);
