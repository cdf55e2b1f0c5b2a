( function ( wp ) {
	var el = wp.element.createElement;

	/** A block's text with a link on the words at an offset in characters, of which strings may count one as two. */
	function linked( text, at, link ) {
		var all = Array.from( text ), end = at + link.length;
		var address = link.url.replace( /&/g, '&amp;' ).replace( /"/g, '&quot;' ).replace( /</g, '&lt;' );
		return all.slice( 0, at ).join( '' ) + '<a href="' + address + '">' + link.text + '</a>' + all.slice( end ).join( '' );
	}

	function blocks() {
		return wp.data.select( 'core/block-editor' ).getBlocks().map( function ( block ) {
			return { id: block.clientId, text: wp.blocks.serialize( [ block ] ) };
		} );
	}

	/** Puts a link into the block that has its words, unless that was changed since the link was proposed. */
	function take( link ) {
		var at = link.offset;
		blocks().some( function ( block ) {
			var size = Array.from( block.text ).length;
			if ( at >= size ) {
				at -= size + 2; // blocks stand a blank line apart
				return false;
			}
			if ( Array.from( block.text ).slice( at, at + link.length ).join( '' ) === link.text ) {
				wp.data.dispatch( 'core/block-editor' ).replaceBlock( block.id, wp.blocks.parse( linked( block.text, at, link ) ) );
			}
			return true;
		} );
	}

	/** Asks for the links that the text should have; gives them, those with an address. */
	function ask() {
		var editor = wp.data.select( 'core/editor' );
		var text = blocks().map( function ( block ) { return block.text; } ).join( '\n\n' );
		var draft = { post: editor.getCurrentPostId(), title: editor.getEditedPostAttribute( 'title' ), text: text };
		return wp.apiFetch( { path: '/related-articles/v1/links', method: 'POST', data: draft } ).then( function ( answer ) {
			return answer.links.filter( function ( link ) { return /^https?:/.test( link.url || '' ); } );
		} );
	}

	function Links() {
		var state = wp.element.useState( { links: [], said: '' } ), told = state[ 0 ], tell = state[ 1 ];
		function show() {
			return ask().then(
				function ( links ) { tell( { links: links, said: links.length ? '' : 'No link: nothing in the text names what few others have.' } ); },
				function ( problem ) { tell( { links: [], said: problem.message } ); }
			);
		}
		function button( words, click ) {
			return el( 'button', { type: 'button', className: 'components-button is-secondary', onClick: click }, words );
		}
		return el( 'div', {},
			button( 'Propose links', show ),
			el( 'p', { role: 'status' }, told.said ),
			el( 'ul', {}, told.links.map( function ( link ) {
				return el( 'li', { key: link.offset }, '“' + link.text + '” → ' + link.title + ' ', button( 'Put it in', function () {
					take( link );
					return show();
				} ) );
			} ) )
		);
	}

	wp.blocks.registerBlockType( 'related-articles/box', {
		edit: function ( props ) {
			return el( wp.element.Fragment, {},
				el( wp.serverSideRender, { block: props.name, attributes: props.attributes } ),
				el( wp.blockEditor.InspectorControls, {}, el( wp.components.PanelBody, { title: 'Links for the text' }, el( Links ) ) )
			);
		},
	} );
} )( window.wp );
