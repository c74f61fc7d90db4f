"""Channel plugins, a folder or a file each; docs/plugins.md tells how to write one.

A package, so that tests never take `plugins/africastalking` for the official package of that name.
"""
