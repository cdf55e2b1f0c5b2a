( function ( wp ) {
	wp.blocks.registerBlockType( 'related-articles/box', {
		edit: function ( props ) {
			return wp.element.createElement( wp.serverSideRender, { block: props.name, attributes: props.attributes } );
		},
	} );
} )( window.wp );
