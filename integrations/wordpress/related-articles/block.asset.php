<?php return array( 'dependencies' => array( 'wp-blocks', 'wp-element', 'wp-server-side-render' ), 'version' => '0.2.0' );
