# Redmine with an empty database made, one project and the API switched on, in one start.
# The port is bound after all of this, so whoever reaches it finds a furnished Redmine.
require File.expand_path('redmine/config/environment', __dir__)

# What a power cut would do to it is of no interest: no waiting for the disk.
ActiveRecord::Base.connection.execute('PRAGMA synchronous = OFF')
ActiveRecord::Migration.verbose = false
ActiveRecord::Base.connection.migration_context.migrate
ActiveRecord::Base.descendants.each { |table| table.reset_column_information unless table.abstract_class? }
Redmine::DefaultData::Loader.load('en')
Setting.rest_api_enabled = '1'
Setting.attachment_extensions_denied = 'exe'
Setting.default_language = 'en'
key = Token.create!(user: User.find_by(login: 'admin'), action: 'api')
key.update_column(:value, 'testkeythatopensnothing')
Project.create!(name: 'Gate', identifier: 'gate', trackers: Tracker.all, enabled_module_names: ['issue_tracking'])

run RedmineApp::Application
