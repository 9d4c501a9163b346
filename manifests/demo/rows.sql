-- What the manifests of this directory want, as rows: `make demo STORE=mariadb` writes them with the client `mariadb`.
INSERT INTO desired_volume_attachments (name, volume_id, export_name, labels) VALUES
    ('orders', 'a7f226a7-95a0-43b6-942e-acc909ef0c08', 'orders', 'app=replication');
INSERT INTO desired_volume_attachments (name, volume_id, export_name, export_read_only, labels) VALUES
    ('archive', 'c3d9e0b2-1f44-4c3e-8a57-5d0f6e1b2a90', 'archive', 1, 'app=replication');
INSERT INTO desired_volume_attachments
    (name, template_disk_offering, template_zone, template_size_in_bytes, export_name) VALUES
    ('scratch', 'Custom', 'zone-1', 1 << 30, 'scratch');
INSERT INTO desired_volume_attachments (name, volume_id, vm, export_name) VALUES
    ('failover', 'e81b4f6d-0c2a-4d5b-9e73-7a1c8f2d3b64', 'app-server', 'failover');
